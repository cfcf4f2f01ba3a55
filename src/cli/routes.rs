//! `ondeck routes`: routes of Traefik, and what stops them

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::Args;

use crate::config::Config;
use crate::engine::{Endpoint, Engine};
use crate::text;
use crate::topology::{self, Route, RouteSource, Routes};

use super::reach::{hanging, told};
use super::{Failure, columns, tell};

/// Routes of Traefik, from the labels of containers and from its own API where that answers: rule, container and port,
/// network, and what stops it; socket proxies and what they permit
///
/// Exit code: 0 when nothing stops any of them, 1 when something does, 2 when it cannot be told.
///
/// --json prints an object: `routes` (`protocol`, `router`, `rule`, `entry_points`, `tls`, `middlewares`, `service`,
/// `container`, `container_name`, `port`, `network`, `proxy`, `source`, `obstacles` with `code`, `what` and `todo`),
/// `socket_proxies` (`id`, `name`, `permits`, `reached_by`, `warnings`), `notes`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Only routes with such a router, rule, service, container or stack (a part of it is enough)
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// Runs it; the endpoint is asked for when it is needed, since its settings may be wrong.
pub(super) fn run(
    arguments: &Arguments,
    _config: &Config,
    endpoint: impl FnOnce() -> Result<Endpoint, Failure>,
) -> Result<ExitCode, Failure> {
    let endpoint = endpoint()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut found = runtime.block_on(async { topology::routes(&Engine::connect(&endpoint)?).await })?;
    narrow(&mut found, &arguments.names);
    if !arguments.names.is_empty() && found.routes.is_empty() && found.socket_proxies.is_empty() {
        return Err(Failure::Told(format!(
            "no route has {} in it\n  `ondeck routes` lists them all",
            text::clean(&arguments.names.join(", "))
        )));
    }
    let mut out = io::stdout().lock();
    if arguments.json {
        let text = serde_json::to_string_pretty(&found).map_err(|e| Failure::Told(e.to_string()))?;
        writeln!(out, "{text}")?;
    } else {
        let columns = if out.is_terminal() { crossterm::terminal::size().map_or(80, |(c, _)| c) } else { 80 };
        print(&mut out, &found, columns.max(60).into())?;
        for note in &found.notes {
            tell(note);
        }
    }
    out.flush()?;
    Ok(ExitCode::from(u8::from(found.routes.iter().any(|r| !r.obstacles.is_empty()))))
}

/// Keeps what has one of the names in it.
fn narrow(found: &mut Routes, names: &[String]) {
    if names.is_empty() {
        return;
    }
    let names: Vec<String> = names.iter().map(|n| n.to_lowercase()).collect();
    let has = |texts: &[&str]| names.iter().any(|n| texts.iter().any(|t| t.to_lowercase().contains(n)));
    found
        .routes
        .retain(|r| has(&[&r.router, &r.rule, &r.service, &r.container_name, r.proxy.as_deref().unwrap_or_default()]));
    found.socket_proxies.retain(|s| has(&[&s.name]));
}

fn print(out: &mut impl Write, found: &Routes, width: usize) -> Result<(), Failure> {
    if found.routes.is_empty() {
        tell("No routes: no container has labels of Traefik.");
    } else {
        let mut rows = vec![["", "RULE", "CONTAINER", "NETWORK"].map(str::to_owned).to_vec()];
        rows.extend(found.routes.iter().map(row));
        shrink(&mut rows, width);
        columns(out, &rows)?;
    }
    for route in found.routes.iter().filter(|r| !r.obstacles.is_empty()) {
        writeln!(out)?;
        let name = if route.router.is_empty() { &route.container_name } else { &route.router };
        writeln!(out, "{}", title(name, route))?;
        for obstacle in &route.obstacles {
            told(out, "  ", obstacle)?;
        }
    }
    for proxy in &found.socket_proxies {
        writeln!(out)?;
        writeln!(out, "socket proxy {}", proxy.name)?;
        let permits = if proxy.permits.is_empty() { "nothing".to_owned() } else { proxy.permits.join(", ") };
        hanging(out, "  permits     ", &permits)?;
        let by = if proxy.reached_by.is_empty() { "nobody".to_owned() } else { proxy.reached_by.join(", ") };
        hanging(out, "  reached by  ", &by)?;
        for warning in &proxy.warnings {
            hanging(out, "  ! ", warning)?;
        }
    }
    Ok(())
}

fn title(name: &str, route: &Route) -> String {
    let proxy = route.proxy.as_ref().map_or_else(String::new, |p| format!(" · {p}"));
    let points =
        if route.entry_points.is_empty() { String::new() } else { format!(" · {}", route.entry_points.join(",")) };
    let asked = match route.source {
        RouteSource::Api => " · in Traefik",
        RouteSource::Labels => "",
    };
    format!("{name}{points}{proxy}{asked}")
}

fn row(route: &Route) -> Vec<String> {
    let rule = match (&*route.rule, &*route.router) {
        ("", "") if route.obstacles.iter().any(|o| o.code == "LABEL_UNKNOWN") => "(wrong label)".to_owned(),
        ("", "") => "(no label)".to_owned(),
        ("", router) => router.to_owned(),
        (rule, _) if route.tls => format!("{rule} tls"),
        (rule, _) => rule.to_owned(),
    };
    let port = route.port.map_or_else(String::new, |p| format!(":{p}"));
    let at =
        if route.container_name.is_empty() { route.service.clone() } else { format!("{}{port}", route.container_name) };
    let sign = if route.obstacles.is_empty() { "ok" } else { "✖" };
    vec![sign.to_owned(), rule, at, route.network.clone().unwrap_or_else(|| "-".to_owned())]
}

/// Cuts the widest columns until a row fits.
fn shrink(rows: &mut [Vec<String>], width: usize) {
    let widest = |rows: &[Vec<String>], i: usize| rows.iter().map(|r| text::width(&r[i])).max().unwrap_or(0);
    loop {
        let widths: Vec<usize> = (0..4).map(|i| widest(rows, i)).collect();
        let over = (widths.iter().sum::<usize>() + 6).saturating_sub(width);
        if over == 0 {
            return;
        }
        let (i, most) = widths.iter().copied().enumerate().max_by_key(|(_, w)| *w).unwrap_or((1, 0));
        // Down to the next widest, so that no column is cut while another is wider.
        let next = widths.iter().copied().filter(|w| *w < most).max().unwrap_or(0);
        let cut = most.saturating_sub(over.min(most - next)).max(8);
        if cut >= most {
            return;
        }
        for row in rows.iter_mut() {
            row[i] = text::fit(&row[i], cut).into_owned();
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::topology::{Obstacle, SocketProxy};

    fn route(router: &str, rule: &str, container: &str) -> Route {
        Route {
            protocol: "http",
            router: router.into(),
            rule: rule.into(),
            entry_points: vec!["web".into()],
            tls: false,
            middlewares: vec![],
            service: router.into(),
            container: Some(container.into()),
            container_name: container.into(),
            port: Some(8000),
            network: Some("proxy".into()),
            proxy: Some("traefik".into()),
            source: RouteSource::Labels,
            obstacles: vec![],
        }
    }

    #[test]
    fn everything_fits_in_eighty_columns_but_what_is_to_be_copied() {
        let long = "Host(`a-long-name.shop.example.com`) && PathPrefix(`/api/v1`) && Headers(`x`, `y`)";
        let mut stopped = route("shop", long, "a-container-with-quite-a-long-name-1");
        stopped.obstacles = vec![Obstacle {
            code: "NO_COMMON_NETWORK",
            what: "shop is on back, traefik on proxy".into(),
            todo: "docker network connect proxy shop\nservices:\n  shop: {}".into(),
        }];
        let proxy = SocketProxy {
            id: "s".into(),
            name: "sp".into(),
            permits: vec!["CONTAINERS".into()],
            reached_by: vec!["traefik".into()],
            warnings: vec!["danger".into()],
        };
        let found = Routes {
            routes: vec![stopped, route("blog", "Host(`blog.example.com`)", "blog")],
            socket_proxies: vec![proxy],
            notes: vec![],
        };
        let mut out = Vec::new();
        print(&mut out, &found, 80).unwrap();
        let text = String::from_utf8(out).unwrap();
        for line in text.lines() {
            assert!(text::width(line) <= 80, "{line}");
        }
        for part in ["✖", "ok", "blog:8000", "NO_COMMON_NETWORK", "    → docker network", "socket proxy sp", "! danger"]
        {
            assert!(text.contains(part), "{part} in\n{text}");
        }
    }

    #[test]
    fn names_narrow_what_is_shown() {
        let two = || Routes {
            routes: vec![route("shop", "Host(`a`)", "x"), route("blog", "Host(`b`)", "y")],
            ..Routes::default()
        };
        let kept = |name: &str| {
            let mut found = two();
            narrow(&mut found, &[name.to_owned()]);
            found.routes.iter().map(|r| r.router.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!([kept("SHOP"), kept("host(`b"), kept("traefik"), kept("z")], ["shop", "blog", "shop blog", ""]);
    }
}
