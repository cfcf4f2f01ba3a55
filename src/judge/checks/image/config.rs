//! Checks on an image's settings.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::super::super::Trouble;
use super::super::super::check::{Case, Check, Code, Found, Kind, Need, Phase, Seen, Wrong, read, schema};
use super::super::super::fields::Pattern;
use super::super::build::image;

const fn code(name: &'static str, hint: &'static str) -> Code {
    Code { name, hint }
}

pub(super) const KIND: Kind = Kind {
    name: "image.config",
    phase: Phase::Image,
    need: Need::Image,
    about: "The image's settings are as they should be.",
    codes: &[
        code("IMAGE_CONFIG_USER", "Which instruction says as whom the image's program runs?"),
        code("IMAGE_CONFIG_ENTRYPOINT", "ENTRYPOINT says which program a container always runs."),
        code("IMAGE_CONFIG_CMD", "CMD says what a container runs when it is told nothing else."),
        code("IMAGE_CONFIG_WORKDIR", "WORKDIR says in which directory the program begins."),
        code("IMAGE_CONFIG_ENV", "ENV sets variables for the build and for containers."),
        code("IMAGE_CONFIG_LABELS", "LABEL says facts about the image."),
        code("IMAGE_CONFIG_EXPOSED", "EXPOSE says on which port the program listens."),
        code("IMAGE_CONFIG_VOLUMES", "VOLUME says which paths outlive a container."),
        code("IMAGE_CONFIG_HEALTHCHECK", "HEALTHCHECK says how to see that a container is well."),
        code("IMAGE_CONFIG_STOP_SIGNAL", "STOPSIGNAL says which signal asks a container to end."),
        code("IMAGE_CONFIG_PLATFORM", "The platform is that of the image in the last FROM."),
    ],
    timeout: Duration::from_mins(1),
    late: None,
    read: read::<Config>,
    schema: schema::<Config>,
};

/// What a setting has to be: a text that it equals, or more.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Want {
    /// It equals this.
    Is(Scalar),
    /// It equals these, one after another.
    List(Vec<Scalar>),
    /// More.
    Test(Test),
}

/// A text or a number.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Scalar {
    /// A text.
    Text(String),
    /// A number.
    Number(serde_json::Number),
    /// True or false.
    Flag(bool),
}

/// How a setting is tried.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Test {
    /// It equals this.
    #[serde(default)]
    eq: Option<Box<Want>>,
    /// A regular expression for it.
    #[serde(default)]
    matches: Option<Pattern>,
    /// A regular expression that it must not match.
    #[serde(default)]
    lacks: Option<Pattern>,
    /// Whether it must not be there; `false`: whether it must be.
    #[serde(default)]
    absent: Option<bool>,
}

/// `image.config`
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Config {
    /// The user.
    #[serde(default)]
    user: Option<Want>,
    /// The program that is always run.
    #[serde(default)]
    entrypoint: Option<Want>,
    /// What is run, or told to that program.
    #[serde(default)]
    cmd: Option<Want>,
    /// The directory in which it begins.
    #[serde(default)]
    workdir: Option<Want>,
    /// Environment variables.
    #[serde(default)]
    env: BTreeMap<String, Want>,
    /// Labels.
    #[serde(default)]
    labels: BTreeMap<String, Want>,
    /// Exposed ports: `8000` or `8000/tcp`.
    #[serde(default)]
    exposed: Option<Want>,
    /// Volumes.
    #[serde(default)]
    volumes: Option<Want>,
    /// The command of the healthcheck.
    #[serde(default)]
    healthcheck: Option<Want>,
    /// The signal that asks it to end.
    #[serde(default)]
    stop_signal: Option<Want>,
    /// System and processor: `linux/amd64`.
    #[serde(default)]
    platform: Option<Want>,
}

impl Scalar {
    fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
        }
    }
}

impl Want {
    /// What is wrong with a setting, in words of what is expected. `is` is its parts; none when it is not there.
    fn refuses(&self, is: Option<&[String]>) -> Option<String> {
        let whole = || is.unwrap_or_default().join(" ");
        match self {
            Self::Is(want) => {
                let want = want.text();
                (is.is_none() && !want.is_empty() || whole() != want).then(|| format!("`{want}`"))
            }
            Self::List(want) => {
                let want: Vec<String> = want.iter().map(Scalar::text).collect();
                (is.unwrap_or_default() != want).then(|| format!("`{}`", want.join(" ")))
            }
            Self::Test(test) => {
                let there = is.is_some_and(|is| !is.is_empty());
                if let Some(absent) = test.absent.filter(|absent| *absent == there) {
                    return Some(if absent { "nothing" } else { "something" }.to_owned());
                }
                if let Some(expected) = test.eq.as_ref().and_then(|eq| eq.refuses(is)) {
                    return Some(expected);
                }
                if let Some(pattern) = test.matches.as_ref().filter(|pattern| !pattern.is_in(&whole())) {
                    return Some(format!("`{pattern}`"));
                }
                test.lacks.as_ref().filter(|pattern| pattern.is_in(&whole())).map(|pattern| format!("no `{pattern}`"))
            }
        }
    }
}

impl Check for Config {
    fn title(&self) -> String {
        let plain: [(&str, bool); 9] = [
            ("user", self.user.is_some()),
            ("entrypoint", self.entrypoint.is_some()),
            ("command", self.cmd.is_some()),
            ("directory", self.workdir.is_some()),
            ("exposed ports", self.exposed.is_some()),
            ("volumes", self.volumes.is_some()),
            ("healthcheck", self.healthcheck.is_some()),
            ("stop signal", self.stop_signal.is_some()),
            ("platform", self.platform.is_some()),
        ];
        let mut names: Vec<&str> = plain.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name).collect();
        names.extend((!self.env.is_empty()).then_some("variables"));
        names.extend((!self.labels.is_empty()).then_some("labels"));
        format!("The image's {} as it should be", names.join(", "))
    }

    fn wrong(&self) -> Option<Wrong> {
        let any = [&self.user, &self.entrypoint, &self.cmd, &self.workdir, &self.exposed, &self.volumes]
            .into_iter()
            .chain([&self.healthcheck, &self.stop_signal, &self.platform])
            .any(Option::is_some);
        let none = !any && self.env.is_empty() && self.labels.is_empty();
        none.then(|| Wrong::new("", "found no setting to look at, expected one, such as `user:`"))
    }

    fn look<'a>(&'a self, case: &'a mut Case<'_>) -> BoxFuture<'a, Result<Seen, Trouble>> {
        async move {
            let image = match image(case).await? {
                Ok(image) => image,
                Err(seen) => return Ok(seen),
            };
            let bench = case.bench()?;
            let seen = match bench.engine().inspect_image(&image.id).await {
                Ok(seen) => seen,
                Err(error) => return Err(bench.trouble(error).await),
            };
            let found = self.wrong_in(&seen);
            let observed = if found.is_empty() { "as it should be" } else { "not as it should be" };
            Ok(Seen::of(observed, found))
        }
        .boxed()
    }
}

impl Config {
    fn wrong_in(&self, image: &Value) -> Vec<Found> {
        let config = &image["Config"];
        let text = |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(|text| vec![text.to_owned()]);
        let list = |value: &Value| {
            let list = value.as_array()?.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>();
            (!list.is_empty()).then_some(list)
        };
        let keys = |value: &Value| {
            let keys: Vec<String> = value.as_object()?.keys().cloned().collect();
            (!keys.is_empty()).then_some(keys)
        };
        let health = list(&config["Healthcheck"]["Test"])
            .filter(|test| test[0] != "NONE")
            .map(|test| test.into_iter().filter(|word| word != "CMD" && word != "CMD-SHELL").collect());
        // Ports of TCP are named by their numbers as well.
        let exposed = keys(&config["ExposedPorts"]).map(|ports| {
            ports.into_iter().map(|port| port.strip_suffix("/tcp").unwrap_or(&port).to_owned()).collect::<Vec<_>>()
        });
        let exposed_want = self.exposed.as_ref();
        let platform = [&image["Os"], &image["Architecture"]].map(|part| part.as_str().unwrap_or_default()).join("/");
        let mut found = Vec::new();
        let mut look = |code: &'static str, what: &str, want: Option<&Want>, is: Option<Vec<String>>| {
            if let Some(expected) = want.and_then(|want| want.refuses(is.as_deref())) {
                let is = is.map_or_else(|| "nothing".to_owned(), |is| is.join(" "));
                found.push(Found::new(code, format!("{what} is {is}")).expected(expected).found(is));
            }
        };
        look("IMAGE_CONFIG_USER", "the image's user", self.user.as_ref(), text(&config["User"]));
        look(
            "IMAGE_CONFIG_ENTRYPOINT",
            "the image's entrypoint",
            self.entrypoint.as_ref(),
            list(&config["Entrypoint"]),
        );
        look("IMAGE_CONFIG_CMD", "the image's command", self.cmd.as_ref(), list(&config["Cmd"]));
        look("IMAGE_CONFIG_WORKDIR", "the image's directory", self.workdir.as_ref(), text(&config["WorkingDir"]));
        look(
            "IMAGE_CONFIG_EXPOSED",
            "what the image exposes",
            exposed_want.map(plain_ports).as_ref().or(exposed_want),
            exposed,
        );
        look("IMAGE_CONFIG_VOLUMES", "what the image has as volumes", self.volumes.as_ref(), keys(&config["Volumes"]));
        look("IMAGE_CONFIG_HEALTHCHECK", "the image's healthcheck", self.healthcheck.as_ref(), health);
        look(
            "IMAGE_CONFIG_STOP_SIGNAL",
            "the image's stop signal",
            self.stop_signal.as_ref(),
            text(&config["StopSignal"]),
        );
        look("IMAGE_CONFIG_PLATFORM", "the image's platform", self.platform.as_ref(), Some(vec![platform]));
        let env = list(&config["Env"]).unwrap_or_default();
        for (name, want) in &self.env {
            let is = env
                .iter()
                .find_map(|pair| pair.split_once('=').filter(|(n, _)| n == name))
                .map(|(_, v)| vec![v.to_owned()]);
            look("IMAGE_CONFIG_ENV", &format!("the variable {name}"), Some(want), is);
        }
        for (name, want) in &self.labels {
            look("IMAGE_CONFIG_LABELS", &format!("the label {name}"), Some(want), text(&config["Labels"][name]));
        }
        found
    }
}

/// The same, with ports of TCP by their numbers.
fn plain_ports(want: &Want) -> Want {
    let plain = |port: &Scalar| Scalar::Text(port.text().trim_end_matches("/tcp").to_owned());
    match want {
        Want::Is(port) => Want::Is(plain(port)),
        Want::List(ports) => Want::List(ports.iter().map(plain).collect()),
        Want::Test(test) => Want::Test(Test {
            eq: test.eq.as_ref().map(|eq| Box::new(plain_ports(eq))),
            matches: test.matches.clone(),
            lacks: test.lacks.clone(),
            absent: test.absent,
        }),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wrong(yaml: &str, image: &Value) -> Vec<(String, String)> {
        let config: Config = serde_yaml::from_str(yaml).unwrap();
        config
            .wrong_in(image)
            .into_iter()
            .map(|found| {
                (found.code.trim_start_matches("IMAGE_CONFIG_").to_owned(), found.expected.unwrap_or_default())
            })
            .collect()
    }

    #[test]
    fn settings_are_compared() {
        let image = serde_json::json!({
            "Os": "linux", "Architecture": "amd64",
            "Config": {
                "User": "app", "Entrypoint": ["/app", "-v"], "Cmd": null, "WorkingDir": "/srv", "StopSignal": "SIGINT",
                "Env": ["PATH=/bin", "PORT=80"], "Labels": {"a": "b"}, "ExposedPorts": {"8000/tcp": {}, "53/udp": {}},
                "Healthcheck": {"Test": ["CMD-SHELL", "curl x"]},
            },
        });
        let none: [(String, String); 0] = [];
        for good in [
            "user: app",
            "user: {matches: '^a', lacks: root}",
            "entrypoint: [/app, -v]",
            "cmd: {absent: true}",
            "workdir: {eq: /srv}",
            "env: {PORT: 80, NONE: {absent: true}}",
            "labels: {a: b}",
            "exposed: ['8000/tcp', 53/udp]",
            "exposed: {matches: '8000'}",
            "volumes: {absent: true}",
            "healthcheck: {matches: curl}",
            "stop_signal: SIGINT",
            "platform: linux/amd64",
        ] {
            assert_eq!(wrong(good, &image), none, "{good}");
        }
        for (bad, code, expected) in [
            ("user: {absent: true}", "USER", "nothing"),
            ("cmd: [x]", "CMD", "`x`"),
            ("cmd: {absent: false}", "CMD", "something"),
            ("env: {PORT: 81}", "ENV", "`81`"),
            ("labels: {x: z}", "LABELS", "`z`"),
            ("healthcheck: {lacks: curl}", "HEALTHCHECK", "no `curl`"),
            ("volumes: [/data]", "VOLUMES", "`/data`"),
            ("platform: {matches: arm}", "PLATFORM", "`arm`"),
        ] {
            assert_eq!(wrong(bad, &image), [(code.to_owned(), expected.to_owned())], "{bad}");
        }
    }
}
