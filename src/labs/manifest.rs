//! Reading a lab: its manifest, and whether all that it refers to is there.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{At, ConfigError, Named, Part, Place, Source, quoted, suggestion};

use super::form::{self, Form};
use super::{Bad, BuildPlan, Check, Lab, LabImage, Limits, Needs, Origin, Rules, RunPlan, Task, Tests, Tree};

/// The version of the form that is read.
pub(super) const VERSION: &str = "lab/v1";

/// The manifest's name in a lab's folder.
pub(super) const MANIFEST: &str = "lab.yaml";

/// Reads the lab in a folder.
pub fn load(dir: &Path) -> Result<Lab, Vec<ConfigError>> {
    load_as(dir, Origin::Folder)
}

/// Reads the lab in a folder, which is from somewhere.
pub(super) fn load_as(dir: &Path, origin: impl FnOnce(PathBuf) -> Origin) -> Result<Lab, Vec<ConfigError>> {
    let name = dir.join(MANIFEST).display().to_string();
    let whole = |message: String, hint: &str| vec![ConfigError::whole(dir.display().to_string(), message, hint)];
    let folder = dir.canonicalize().map_err(|error| whole(format!("cannot be read: {error}"), ""))?;
    if !folder.join(MANIFEST).is_file() {
        return Err(whole(
            format!("holds no {MANIFEST}, expected the folder of a lab"),
            "`ondeck lab new DIR` makes one to start from",
        ));
    }
    let files = Tree::read(&folder).map_err(|error| vec![error])?;
    Lab::from_tree(&files, origin(folder), &name)
}

impl Lab {
    /// Reads a lab from its files. `name_of_manifest` is how errors call its manifest. All that is wrong is told at
    /// once.
    pub fn from_tree(files: &Tree, origin: Origin, name_of_manifest: &str) -> Result<Self, Vec<ConfigError>> {
        let whole = |message: &str, hint: &str| vec![ConfigError::whole(name_of_manifest, message, hint)];
        let Some(bytes) = files.get(MANIFEST) else {
            return Err(whole("is not there, expected the manifest of a lab", ""));
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Err(whole("found bytes that are not UTF-8, expected text in UTF-8", "save the file as UTF-8"));
        };
        let source = Source::new(name_of_manifest, text);
        let (form, errors) = source.read_all::<Form>();
        let folder = match &origin {
            Origin::BuiltIn => Path::new(name_of_manifest).parent().and_then(Path::file_name),
            Origin::Folder(path) | Origin::Git(_, path) => path.file_name(),
        };
        let folder = folder.and_then(|name| name.to_str()).map(str::to_owned);
        let mut reading = Reading { source: &source, files, errors, unread: false };
        let Some(form) = form else { return Err(reading.errors) };
        let lab = reading.lab(form, origin, folder.as_deref());
        let mut errors = reading.errors;
        match lab {
            Some(lab) if errors.is_empty() => Ok(Self { source: Arc::new(source), ..lab }),
            _ => {
                errors.sort_by_key(|error| error.place.map(|place| (place.line, place.column)));
                Err(errors)
            }
        }
    }
}

/// A lab being read.
struct Reading<'a> {
    source: &'a Source,
    files: &'a Tree,
    errors: Vec<ConfigError>,
    /// Whether there are checks that could not be read, so that what is not found may be there all the same.
    unread: bool,
}

/// What is known of a lab's parts before the rest is read.
struct Known {
    checks: BTreeMap<String, Place>,
    images: BTreeSet<String>,
}

impl Reading<'_> {
    fn wrong(&mut self, place: Place, message: impl Into<String>, hint: impl Into<String>) {
        self.errors.push(self.source.error(place, message, hint));
    }

    fn about_a_file(&mut self, message: impl Into<String>, hint: impl Into<String>) {
        let place = Place { line: 0, column: 0 };
        self.wrong(place, message, hint);
    }

    fn lab(&mut self, form: Form, origin: Origin, folder: Option<&str>) -> Option<Lab> {
        if let Part(Some(version)) = &form.schema
            && version.value != VERSION
        {
            let message = format!("found {}, expected `{VERSION}`", quoted(&version.value));
            self.wrong(version.place, message, "a newer ondeck may know it");
        }
        if let Part(Some(id)) = &form.id {
            self.name(id, "the name of a lab");
            if let Some(folder) = folder
                && folder != id.value
            {
                let message =
                    format!("found {}, expected the name of the lab's folder, {}", quoted(&id.value), quoted(folder));
                self.wrong(id.place, message, "give one of them the other's name");
            }
        }
        self.text(&form.title, "a title");
        if let Part(Some(minutes)) = &form.minutes
            && !(1..=1440).contains(&minutes.value)
        {
            self.wrong(minutes.place, format!("found `{}`, expected minutes from 1 to 1440", minutes.value), "");
        }
        let readme = self.files.text("README.md").filter(|text| !text.trim().is_empty()).map(str::to_owned);
        if readme.is_none() {
            self.about_a_file(
                "README.md is missing or empty, expected the instructions",
                "write it beside the manifest",
            );
        }
        let starter = self.files.folder("starter");
        let limits = self.limits(form.workspace.0.unwrap_or_default());
        let images = self.images(form.images.0.unwrap_or_default());
        let session = self.session(form.session.0.unwrap_or_default());
        let build = form.build.0.flatten().map(|build| self.build(build.value));
        let judge = form.judge.0.unwrap_or_default();
        let tasks = self.tasks(form.tasks.0);
        let known = Known {
            checks: tasks.iter().flat_map(|task| &task.checks).map(|check| (check.id.clone(), check.place)).collect(),
            images: images.iter().map(|image| image.name.clone()).collect(),
        };
        let outside = session.egress == Some(true);
        let run = self.runs(form.run.0.unwrap_or_default(), &known, build.is_some(), outside);
        self.needs(&tasks, &known);
        self.containers(&tasks, &run);
        let judge = self.rules(judge, &tasks);
        let hints = self.hints(form.hints.0.unwrap_or_default());
        let tests = self.tests(form.tests.0, &starter, &limits);
        Some(Lab {
            id: form.id.0?.value,
            title: form.title.0?.value.trim().to_owned(),
            summary: form.summary.0?.trim().to_owned(),
            minutes: form.minutes.0?.value,
            difficulty: form.difficulty.0?,
            tags: form.tags.0?,
            readme: readme?,
            origin,
            digest: self.files.digest(),
            images,
            session,
            workspace: limits,
            judge,
            build,
            run,
            tasks,
            hints,
            tests: tests?,
            starter,
            source: Arc::new(Source::new("", "")),
        })
    }

    /// Whether a name can be a file's, a label's and a word on the command line.
    fn name(&mut self, name: &At<String>, what: &str) {
        let plain = |ch: char| ch.is_ascii_lowercase() || ch.is_ascii_digit() || ch == '-';
        if name.value.is_empty()
            || name.value.len() > 60
            || !name.value.chars().all(plain)
            || name.value.starts_with('-')
        {
            let message = format!("found {}, expected {what}", quoted(&name.value));
            self.wrong(name.place, message, "lower-case letters, digits and `-`, such as `leave-out`");
        }
    }

    fn code(&mut self, code: &At<String>) {
        let plain = |ch: char| ch.is_ascii_uppercase() || ch.is_ascii_digit() || ch == '_';
        if !code.value.starts_with(|ch: char| ch.is_ascii_uppercase()) || !code.value.chars().all(plain) {
            let message = format!("found {}, expected a failure code", quoted(&code.value));
            self.wrong(code.place, message, "upper-case letters, digits and `_`, such as `DF_USER_ROOT`");
        }
    }

    fn text(&mut self, text: &Part<At<String>>, what: &str) {
        if let Part(Some(text)) = text
            && text.value.trim().is_empty()
        {
            self.wrong(text.place, format!("found nothing, expected {what}"), "");
        }
    }

    /// A path within the lab or the workspace, without `.` and `/` at its ends.
    fn path(&mut self, path: &At<String>) -> String {
        let value = path.value.trim_end_matches('/');
        let inner: Vec<&str> = value.split('/').filter(|part| *part != ".").collect();
        if path.value.is_empty()
            || path.value.starts_with('/')
            || inner.iter().any(|part| part.is_empty() || *part == "..")
            || path.value.chars().any(|ch| ch.is_control() || ch == '\\')
        {
            let message = format!("found {}, expected a path in the folder", quoted(&path.value));
            self.wrong(path.place, message, "with `/` between names, not beginning with `/`, without `..`");
        }
        inner.join("/")
    }

    fn between<T: Copy + PartialOrd + std::fmt::Display>(&mut self, value: Option<&At<T>>, least: T, most: T) {
        if let Some(At { value, place }) = value
            && (*value < least || *value > most)
        {
            self.wrong(*place, format!("found `{value}`, expected {least} to {most}"), "");
        }
    }

    fn lasts(&mut self, period: Option<At<crate::config::Period>>) -> Option<Duration> {
        let hour = 3600;
        self.between(period.as_ref(), seconds(1), seconds(hour));
        period.map(|period| period.value.0)
    }

    fn limits(&mut self, form: form::Workspace) -> Limits {
        let (max_bytes, max_files) = (form.max_bytes.0.flatten(), form.max_files.0.flatten());
        self.between(max_bytes.as_ref(), bytes(1 << 10), bytes(64 << 20));
        self.between(max_files.as_ref(), 1, 2000);
        Limits {
            max_bytes: max_bytes.map_or(8 << 20, |size| size.value.0),
            max_files: max_files.map_or(500, |number| number.value),
        }
    }

    fn session(&mut self, form: form::Session) -> Needs {
        let (memory, cpus, pids) = (form.memory.0.flatten(), form.cpus.0.flatten(), form.pids.0.flatten());
        let (ttl, port) = (form.ttl.0.flatten(), form.port.0.flatten());
        self.between(memory.as_ref(), bytes(256 << 20), bytes(1 << 40));
        self.between(cpus.as_ref(), 0.1, 1024.0);
        self.between(pids.as_ref(), 64, 1 << 20);
        self.between(ttl.as_ref(), seconds(60), seconds(7 * 86_400));
        self.between(port.as_ref(), 1, u16::MAX);
        Needs {
            memory: memory.map(|memory| memory.value.0),
            cpus: cpus.map(|cpus| cpus.value),
            pids: pids.map(|pids| pids.value),
            ttl: ttl.map(|ttl| ttl.value.0.as_secs()),
            egress: form.egress.0.flatten(),
            port: port.map(|port| port.value),
        }
    }

    fn images(&mut self, forms: Vec<Part<form::Image>>) -> Vec<LabImage> {
        let mut images: Vec<LabImage> = Vec::new();
        for form::Image { name, build } in forms.into_iter().filter_map(|part| part.0) {
            if images.iter().any(|image| image.name == name.value) {
                let message = format!("found {} for the second time, expected each image once", quoted(&name.value));
                self.wrong(name.place, message, "remove one of the two");
            }
            self.image_name(&name);
            let build = build.map(|folder| {
                let path = self.path(&folder);
                let tree = self.files.folder(&path);
                if tree.get("Dockerfile").is_none() {
                    let message =
                        format!("found {}, expected a folder of the lab with a Dockerfile", quoted(&folder.value));
                    let hint = self.folders_with_a_dockerfile(&path);
                    self.wrong(folder.place, message, hint);
                }
                tree
            });
            images.push(LabImage { name: name.value, build });
        }
        images
    }

    fn folders_with_a_dockerfile(&self, meant: &str) -> String {
        let there: Vec<String> = self
            .files
            .folders("images")
            .into_iter()
            .map(|name| format!("images/{name}"))
            .filter(|folder| self.files.get(&format!("{folder}/Dockerfile")).is_some())
            .collect();
        match there.as_slice() {
            [] => "put it in `images/NAME/Dockerfile`".to_owned(),
            there => suggestion(meant, there.iter().map(String::as_str)),
        }
    }

    /// Whether a name is one of an image with a tag or digest, as the engine tells them.
    fn image_name(&mut self, name: &At<String>) {
        let plain = |ch: char| ch.is_ascii_alphanumeric() || matches!(ch, '.' | '_' | '-' | '/' | ':' | '@');
        let last = name.value.rsplit('/').next().unwrap_or_default();
        let (repository, tag) = last.split_once([':', '@']).unwrap_or((last, ""));
        if !name.value.chars().all(plain) || repository.is_empty() || name.value.starts_with(['/', '-', '.', ':']) {
            let message = format!("found {}, expected the name of an image", quoted(&name.value));
            self.wrong(name.place, message, "such as `lab/python:3.11`");
        } else if tag.is_empty() {
            let message = format!("found {}, expected the name of an image with its tag", quoted(&name.value));
            self.wrong(name.place, message, format!("such as `{repository}:1.0`"));
        }
    }

    fn build(&mut self, form: form::Build) -> BuildPlan {
        let context = form.context.0.flatten().filter(|path| path.value != ".").map(|path| self.path(&path));
        let dockerfile = form.dockerfile.0.flatten().map(|path| self.path(&path));
        BuildPlan {
            context: context.unwrap_or_default(),
            dockerfile: dockerfile.unwrap_or_else(|| "Dockerfile".to_owned()),
            target: form.target.0.flatten(),
            args: pairs(form.args),
            timeout: self.lasts(form.timeout.0.flatten()),
        }
    }

    fn runs(
        &mut self,
        forms: Named<Part<form::Run>>,
        known: &Known,
        builds: bool,
        outside: bool,
    ) -> BTreeMap<String, RunPlan> {
        let mut runs = BTreeMap::new();
        for (name, Part(form)) in forms.0 {
            self.name(&name, "the name of a container");
            let Some(form) = form else { continue };
            let image = form.image.0.flatten();
            match &image {
                Some(image) if !outside && !known.images.contains(&image.value) => {
                    let message = format!("found {}, expected one of the lab's images", quoted(&image.value));
                    let hint = if known.images.is_empty() {
                        "name it under `images`: there is no network in sessions to pull it".to_owned()
                    } else {
                        suggestion(&image.value, known.images.iter().map(String::as_str))
                    };
                    self.wrong(image.place, message, hint);
                }
                None if !builds => {
                    let message = format!("{} has no image to run", quoted(&name.value));
                    self.wrong(name.place, message, "add `image:` with one of the lab's images, or a `build:` section");
                }
                _ => {}
            }
            let (memory, pids) = (form.memory.0.flatten(), form.pids.0.flatten());
            self.between(memory.as_ref(), bytes(6 << 20), bytes(1 << 40));
            self.between(pids.as_ref(), 1, 1 << 20);
            let tmpfs = form.tmpfs.0.unwrap_or_default();
            for folder in tmpfs.iter().filter(|folder| !folder.value.starts_with('/')) {
                let message = format!("found {}, expected a folder of the container", quoted(&folder.value));
                self.wrong(folder.place, message, "it begins with `/`, such as `/tmp`");
            }
            let plan = RunPlan {
                command: form.command.0.flatten(),
                env: pairs(form.env),
                memory: memory.map(|memory| memory.value.0),
                pids: pids.map(|pids| pids.value),
                read_only: form.read_only.0.unwrap_or_default(),
                tmpfs: tmpfs.into_iter().map(|folder| folder.value).collect(),
                cap_drop: form.cap_drop.0.unwrap_or_default(),
                no_new_privileges: form.no_new_privileges.0.unwrap_or_default(),
                user: form.user.0.flatten(),
                image: image.map(|image| image.value),
            };
            runs.insert(name.value, plan);
        }
        runs
    }

    fn tasks(&mut self, forms: Option<At<Vec<Part<form::TaskForm>>>>) -> Vec<Task> {
        let Some(forms) = forms else { return Vec::new() };
        if forms.value.is_empty() {
            self.wrong(forms.place, "found no tasks, expected one at least", "a task has `id`, `title` and `checks`");
        }
        let mut tasks: Vec<Task> = Vec::new();
        let mut ids = BTreeMap::new();
        for Part(form) in forms.value {
            let Some(form) = form else {
                self.unread = true;
                continue;
            };
            self.name(&form.id, "the name of a task");
            if tasks.iter().any(|task| task.id == form.id.value) {
                let message = format!("found the task {} for the second time", quoted(&form.id.value));
                self.wrong(form.id.place, message, "give one of them another name");
            }
            self.text(&form.title, "what is to be done");
            let hints = self.ladder(form.hints.0.unwrap_or_default());
            if form.checks.0.as_ref().is_some_and(Vec::is_empty) {
                let message = format!("the task {} has no checks, expected one at least", quoted(&form.id.value));
                self.wrong(form.id.place, message, "a check has `id` and `kind`");
            }
            self.unread |= form.checks.0.is_none();
            let mut checks = Vec::new();
            for Part(check) in form.checks.0.unwrap_or_default() {
                let Some(check) = check else {
                    self.unread = true;
                    continue;
                };
                let check = self.check(check);
                if let Some(Place { line, .. }) = ids.insert(check.id.clone(), check.place) {
                    let message = format!("found the check {} for the second time", quoted(&check.id));
                    self.wrong(check.place, message, format!("the first is in line {line}; give one another name"));
                }
                checks.push(check);
            }
            let title = form.title.0.map(|title| title.value.trim().to_owned()).unwrap_or_default();
            tasks.push(Task { id: form.id.value, title, hints, checks });
        }
        tasks
    }

    fn ladder(&mut self, hints: Vec<At<String>>) -> Vec<String> {
        for hint in hints.iter().filter(|hint| hint.value.trim().is_empty()) {
            self.wrong(hint.place, "found nothing, expected a hint", "");
        }
        hints.into_iter().map(|hint| hint.value.trim().to_owned()).collect()
    }

    fn check(&mut self, At { value: form, place }: At<form::CheckForm>) -> Check {
        self.name(&form.id, "the name of a check");
        if form.kind.value.trim().is_empty() {
            self.wrong(form.kind.place, "found nothing, expected a kind of check", "`ondeck lab kinds` tells them");
        }
        let (points, code) = (form.points.0.flatten(), form.code.0.flatten());
        self.between(points.as_ref(), 0, 1000);
        let (mut fields, mut places) = (form.rest.fields, form.rest.places);
        let code = code.and_then(|At { value, place }| match value {
            form::Code::Failure(value) => {
                let code = At { value, place };
                self.code(&code);
                Some(code)
            }
            form::Code::Exit(number) => {
                fields.insert("code".to_owned(), number.into());
                places.insert("code".to_owned(), place);
                None
            }
        });
        let needs = form.needs.0.unwrap_or_default();
        places.extend(needs.iter().enumerate().map(|(number, need)| (format!("needs.{number}"), need.place)));
        places.extend(needs.first().map(|need| ("needs".to_owned(), need.place)));
        places.extend([("id".to_owned(), form.id.place), ("kind".to_owned(), form.kind.place)]);
        let (required, severity) = (form.required.0.unwrap_or_default(), form.severity.0.unwrap_or_default());
        let warn = severity == form::Severity::Warn;
        if warn && required {
            let message = format!("the check {} is required, and its failure is a warning", quoted(&form.id.value));
            self.wrong(place, message, "take away `required: true` or `severity: warn`");
        }
        Check {
            id: form.id.value,
            kind: form.kind.value,
            title: form.title.0.flatten(),
            points: points.map_or(0, |points| points.value),
            required,
            warn,
            needs: needs.into_iter().map(|need| need.value).collect(),
            timeout: self.lasts(form.timeout.0.flatten()),
            code: code.map(|code| code.value),
            message: form.message.0.flatten(),
            fields,
            place,
            places,
        }
    }

    /// Whether what checks need is there, and comes to an end.
    fn needs(&mut self, tasks: &[Task], known: &Known) {
        let checks: Vec<&Check> = tasks.iter().flat_map(|task| &task.checks).collect();
        let mut all = true;
        for check in &checks {
            for (number, need) in check.needs.iter().enumerate() {
                if self.unread || known.checks.contains_key(need) {
                    continue;
                }
                all = false;
                let place = check.places.get(&format!("needs.{number}")).copied().unwrap_or(check.place);
                let message = format!("found {}, expected the name of a check", quoted(need));
                self.wrong(place, message, suggestion(need, known.checks.keys().map(String::as_str)));
            }
        }
        // One that needs nothing that is left can be made; when none can and some are left, they go in a circle.
        let mut left: Vec<&Check> = checks;
        loop {
            let names: BTreeSet<&str> = left.iter().map(|check| check.id.as_str()).collect();
            let before = left.len();
            left.retain(|check| check.needs.iter().any(|need| names.contains(need.as_str())));
            if left.len() == before {
                break;
            }
        }
        if let (true, Some(first)) = (all, left.first()) {
            let names: Vec<String> = left.iter().map(|check| quoted(&check.id)).collect();
            let message = format!("{} need each other, so none can be made first", names.join(", "));
            let message = if left.len() == 1 { format!("{} needs itself", names.join("")) } else { message };
            self.wrong(first.place, message, "take one out of `needs`");
        }
    }

    /// Whether the containers that checks are about are there.
    fn containers(&mut self, tasks: &[Task], run: &BTreeMap<String, RunPlan>) {
        let checks = || tasks.iter().flat_map(|task| &task.checks);
        if checks().any(|check| check.kind.starts_with("compose.")) {
            // Containers are the services of the learner's own file then.
            return;
        }
        for check in checks().filter(|check| check.kind.starts_with("run.")) {
            let Some(name) = check.fields.get("container").and_then(|name| name.as_str()) else { continue };
            if !run.contains_key(name) {
                let place = check.places.get("container").copied().unwrap_or(check.place);
                let hint = if run.is_empty() {
                    format!("add it: `run: {{{name}: {{}}}}`")
                } else {
                    suggestion(name, run.keys().map(String::as_str))
                };
                self.wrong(place, format!("found {}, expected a name from `run`", quoted(name)), hint);
            }
        }
    }

    fn rules(&mut self, form: form::Judge, tasks: &[Task]) -> Rules {
        let most: u32 = tasks.iter().flat_map(|task| &task.checks).map(|check| check.points).sum();
        if most == 0 && !self.unread && tasks.iter().any(|task| !task.checks.is_empty()) {
            self.about_a_file("no check has points, expected some", "add `points:` to those that matter most");
        }
        let min_score = form.min_score.0.flatten();
        if let Some(score) = &min_score
            && score.value > most
            && most > 0
            && !self.unread
        {
            let message = format!("found `{}`, expected at most the {most} points that the checks give", score.value);
            self.wrong(score.place, message, "");
        }
        let timeout = form.timeout.0.flatten();
        Rules {
            timeout: self.lasts(timeout).unwrap_or(Duration::from_mins(5)),
            min_score: min_score.map_or(0, |score| score.value),
        }
    }

    fn hints(&mut self, forms: Named<Part<At<Vec<String>>>>) -> BTreeMap<String, Vec<String>> {
        let mut hints = BTreeMap::new();
        for (code, Part(ladder)) in forms.0 {
            self.code(&code);
            let Some(ladder) = ladder else { continue };
            if ladder.value.iter().all(|hint| hint.trim().is_empty()) {
                let message = format!("found no hints for {}, expected one at least", quoted(&code.value));
                self.wrong(code.place, message, "from a nudge to the answer");
            }
            hints.insert(code.value, ladder.value.iter().map(|hint| hint.trim().to_owned()).collect());
        }
        hints
    }

    fn tests(&mut self, form: Option<form::Proof>, starter: &Tree, limits: &Limits) -> Option<Tests> {
        let form = form?;
        let solution = starter.under(&self.files.folder("solution"));
        let codes = form.starter.0.map(|starter| (self.codes(&starter.value.codes), starter.place));
        if let Some((codes, place)) = &codes
            && codes.is_empty()
        {
            self.wrong(*place, "found no codes, expected those that the starter gives", "the starter must fail");
        }
        self.fits("starter", starter, limits);
        self.fits("solution", &solution, limits);
        let mut tests = Tests { solution, starter: codes.map(|(codes, _)| codes)?, ..Tests::default() };

        let (bad_place, bad) = entries(form.bad);
        self.orphans("bad", bad_place, &bad);
        for (name, Part(form)) in bad {
            let Some(At { value: form, place }) = form else { continue };
            let files = self.variant("bad", &name, &form.remove, &tests.solution);
            let codes = self.codes(&form.codes);
            if codes.is_empty() {
                let message = format!("found no codes for {}, expected those that it gives", quoted(&name.value));
                self.wrong(place, message, "a submission in `bad` must fail; one that passes belongs in `good`");
            }
            let may = self.codes(&form.may);
            for code in form.may.iter().filter(|may| codes.contains(&may.value)) {
                let message = format!("found {}, which must be given already", quoted(&code.value));
                self.wrong(code.place, message, "take it out of `may` or of `codes`");
            }
            self.fits(&format!("bad/{}", name.value), &files, limits);
            tests.bad.insert(name.value, Bad { files, codes, may, place: Some(place) });
        }
        let (good_place, good) = entries(form.good);
        self.orphans("good", good_place, &good);
        for (name, Part(form)) in good {
            let Some(At { value: form, .. }) = form else { continue };
            let files = self.variant("good", &name, &form.remove, &tests.solution);
            self.fits(&format!("good/{}", name.value), &files, limits);
            tests.good.insert(name.value, files);
        }
        Some(tests)
    }

    fn codes(&mut self, codes: &[At<String>]) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for code in codes {
            self.code(code);
            if all.contains(&code.value) {
                self.wrong(code.place, format!("found {} for the second time", quoted(&code.value)), "remove one");
            }
            all.push(code.value.clone());
        }
        all
    }

    /// The solution with a folder laid over it and some files taken away.
    fn variant(&mut self, kind: &str, name: &At<String>, remove: &[At<String>], solution: &Tree) -> Tree {
        self.name(name, "the name of a submission");
        let over = self.files.folder(&format!("{kind}/{}", name.value));
        if over.is_empty() && remove.is_empty() {
            let message = format!("found {}, and no folder `{kind}/{}`", quoted(&name.value), name.value);
            let hint = match self.files.folders(kind) {
                there if there.is_empty() => "put its files there, or say what to `remove` of the solution".to_owned(),
                there => suggestion(&name.value, there.iter().map(String::as_str)),
            };
            self.wrong(name.place, message, hint);
        }
        let mut files = solution.clone();
        for path in remove {
            let inner = self.path(path);
            let before = files.len();
            files.remove(&inner);
            if files.len() == before {
                let message = format!("found {}, expected a file or folder of the solution", quoted(&path.value));
                self.wrong(path.place, message, suggestion(&inner, solution.iter().map(|(path, _)| path)));
            }
        }
        let files = files.under(&over);
        if files == *solution {
            let message = format!("{} is the same as the solution", quoted(&name.value));
            self.wrong(name.place, message, format!("change something in `{kind}/{}`", name.value));
        }
        files
    }

    /// Folders that no entry is for.
    fn orphans<V>(&mut self, kind: &str, place: Option<Place>, entries: &[(At<String>, V)]) {
        for folder in self.files.folders(kind) {
            if entries.iter().any(|(name, _)| name.value == folder) {
                continue;
            }
            let entry = if kind == "bad" { "{codes: [...]}" } else { "{}" };
            let message = format!("the folder `{kind}/{folder}` has no entry in `tests.{kind}`");
            let hint = format!("add `{folder}: {entry}` there, or take the folder away");
            self.wrong(place.unwrap_or(Place { line: 0, column: 0 }), message, hint);
        }
    }

    /// Whether a submission would be taken at all.
    fn fits(&mut self, what: &str, files: &Tree, limits: &Limits) {
        let bytes: u64 = files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
        if files.len() > limits.max_files || bytes > limits.max_bytes {
            let message = format!(
                "{what} has {} files and {}, more than `workspace` allows: {} and {}",
                files.len(),
                crate::text::size(bytes),
                limits.max_files,
                crate::text::size(limits.max_bytes)
            );
            self.about_a_file(message, "raise `max_files` or `max_bytes` in `workspace`");
        }
    }
}

/// The entries of a group that may not be there, and its place.
fn entries<V>(group: Part<Option<At<Named<V>>>>) -> (Option<Place>, Vec<(At<String>, V)>) {
    group.0.flatten().map_or((None, Vec::new()), |group| (Some(group.place), group.value.0))
}

fn pairs(named: Part<Named<String>>) -> BTreeMap<String, String> {
    named.0.unwrap_or_default().0.into_iter().map(|(name, value)| (name.value, value)).collect()
}

fn seconds(seconds: u64) -> crate::config::Period {
    crate::config::Period(Duration::from_secs(seconds))
}

fn bytes(bytes: u64) -> crate::config::Size {
    crate::config::Size(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
#[path = "manifest_tests.rs"]
mod tests;
