//! What is asked at the open workspace, and what becomes of the answers.

use tui_input::Input;

use crate::builds::run::{Options, Texts};
use crate::tasks::Job;
use crate::ui::app::App;
use crate::ui::editor::{FindOptions, Prompt as Wanted};
use crate::ui::message::Effect;
use crate::ui::overlay::{Ask, Field, Form, FormAsk, Overlay};
use crate::ui::view::Tone;

use super::DeskOrder;

impl App {
    pub(super) fn ask_of_text(&mut self, wanted: Wanted) {
        let (title, advice, ask) = match wanted {
            Wanted::Find => ("Search in the file", "letters of either case; /…/ for a regular expression", Ask::Find),
            Wanted::Replace => {
                let field = |label, advice| Field { label, advice, input: Input::default() };
                self.overlay = Some(Overlay::Form(Form {
                    title: "Replace in the file".to_owned(),
                    fields: vec![
                        field("what", "letters of either case, unless there are capitals"),
                        field("with", "empty: it is taken away; one undo brings all of it back"),
                    ],
                    at: 0,
                    verb: "replaces all",
                    ask: FormAsk::Replace,
                    error: None,
                }));
                return;
            }
            Wanted::GoToLine => ("Go to line", "its number", Ask::Line),
        };
        self.prompt(title, advice, String::new(), ask);
    }

    /// Replaces all in the open file; else says which line is wrong, and why.
    pub(in crate::ui) fn replace_asked(&mut self, form: &Form) -> Result<(), (usize, String)> {
        let text = |n: usize| form.fields.get(n).map_or(String::new(), |f| f.input.value().to_owned());
        let (query, with) = (text(0), text(1));
        if query.is_empty() {
            return Err((0, "what shall be replaced?".to_owned()));
        }
        let mut told = Ok(0);
        self.at_desk(|desk| {
            if let Some(buffer) = desk.buffers.here_mut() {
                told = desk_find(buffer, &query, FindOptions::default()).map(|()| buffer.editor.replace_all(&with));
            }
            desk.follow_text();
        });
        let count = told.map_err(|why| (0, why))?;
        self.tell(Tone::Good, format!("replaced {}", crate::text::count(count, "match")));
        Ok(())
    }

    /// Asks how what was built is run.
    pub(super) fn ask_run(&mut self) {
        let Some(desk) = self.desk() else { return };
        let texts = desk.output.options.clone().unwrap_or_default().texts();
        let field = |label, advice, text: &str| Field { label, advice, input: Input::new(text.to_owned()) };
        self.overlay = Some(Overlay::Form(Form {
            title: format!("Run {}", desk.tag()),
            fields: vec![
                field("ports", "8080:80, 9000/udp; empty: what the image exposes", &texts.ports),
                field("env", "NAME=value OTHER=\"two words\"", &texts.env),
                field("command", "empty: the image's own", &texts.command),
                field("memory", "512m, 1.5g; empty: no limit of its own", &texts.memory),
                field("cpus", "0.5, 2; empty: no limit of its own", &texts.cpus),
                field("user", "empty: the image's own", &texts.user),
                field("directory", "empty: the image's own", &texts.dir),
                field("read-only", "yes: nothing can be written to its file system", yes(texts.read_only)),
            ],
            at: 0,
            verb: "runs",
            ask: FormAsk::Run,
            error: None,
        }));
    }

    /// Runs what was built as it was asked for; else says which line is wrong, and why.
    pub(in crate::ui) fn run_asked(&mut self, form: &Form) -> Result<(), (usize, String)> {
        let text = |n: usize| form.fields.get(n).map_or(String::new(), |f| f.input.value().trim().to_owned());
        let texts = Texts {
            ports: text(0),
            env: text(1),
            command: text(2),
            memory: text(3),
            cpus: text(4),
            user: text(5),
            dir: text(6),
            read_only: matches!(text(7).to_lowercase().as_str(), "yes" | "y" | "true" | "1"),
        };
        let options = Options::parse(&texts).map_err(|wrong| {
            let names = ["ports", "env", "command", "memory", "cpus", "user", "dir", "read_only"];
            (names.iter().position(|n| *n == wrong.field).unwrap_or(0), wrong.message)
        })?;
        if let Some(key) = self.desk().map(|d| d.site.key()) {
            self.remembered.runs.insert(key, options.clone());
            self.out.push(Effect::Remember(Box::new(self.remembered.clone())));
        }
        self.at_desk(|desk| {
            desk.output.options = Some(options);
            desk.run();
        });
        Ok(())
    }

    /// Takes a typed answer at the open workspace, or says why not.
    pub(in crate::ui) fn desk_answered(&mut self, ask: &Ask, text: &str) -> Result<(), String> {
        let Some(desk) = self.desk() else { return Ok(()) };
        match ask {
            Ask::NewFile => {
                let (folder, path) = (text.ends_with('/'), text.trim_end_matches('/'));
                crate::workspace::check_path(path).map_err(|e| e.to_string())?;
                if desk.tree.has(path) {
                    return Err(format!("{path} is there already"));
                }
                let order =
                    if folder { DeskOrder::CreateFolder(path.into()) } else { DeskOrder::CreateFile(path.into()) };
                self.at_desk(|desk| desk.order(order));
            }
            Ask::RenameFile(from) => {
                crate::workspace::check_path(text).map_err(|e| e.to_string())?;
                if from != text {
                    if desk.tree.has(text) {
                        return Err(format!("{text} is there already"));
                    }
                    let order = DeskOrder::Rename(from.clone(), text.to_owned());
                    self.at_desk(|desk| desk.order(order));
                }
            }
            Ask::Upload(folder) => {
                let from = home(text);
                let Some(name) = from.file_name().map(|n| n.to_string_lossy().into_owned()) else {
                    return Err("a file or folder is needed".to_owned());
                };
                let job = Job::Upload {
                    site: Box::new(desk.site.clone()),
                    from: from.clone(),
                    to: format!("{folder}{name}"),
                };
                self.start(job);
            }
            Ask::Download(path) => {
                if text.is_empty() {
                    return Err("a path is needed".to_owned());
                }
                let job = Job::Download { site: Box::new(desk.site.clone()), path: path.clone(), to: home(text) };
                self.start(job);
            }
            Ask::RunRequest => {
                let (key, request) = (desk.site.key(), text.to_owned());
                let mut wrong = None;
                self.at_desk(|desk| wrong = desk.request(&request).err());
                if let Some(why) = wrong {
                    return Err(why);
                }
                self.remembered.requests.insert(key, request);
                self.out.push(Effect::Remember(Box::new(self.remembered.clone())));
            }
            Ask::Find => {
                let (query, options) = match text.strip_prefix('/').map(|t| t.strip_suffix('/').unwrap_or(t)) {
                    Some(pattern) if !pattern.is_empty() => {
                        (pattern, FindOptions { regex: true, ..FindOptions::default() })
                    }
                    _ => (text, FindOptions::default()),
                };
                let mut result = Ok(());
                self.at_desk(|desk| {
                    if let Some(buffer) = desk.buffers.here_mut() {
                        result = desk_find(buffer, query, options);
                    }
                });
                result?;
            }
            Ask::Line => {
                let line: usize = text.parse().map_err(|_| format!("{text} is no line number"))?;
                self.at_desk(|desk| {
                    if let Some(buffer) = desk.buffers.here_mut() {
                        buffer.editor.go_to(line.saturating_sub(1), 0);
                    }
                });
            }
            _ => {}
        }
        Ok(())
    }
}

fn desk_find(buffer: &mut super::Buffer, query: &str, options: FindOptions) -> Result<(), String> {
    match buffer.editor.find(query, options) {
        Ok(1..) => Ok(()),
        Ok(0) => Err(format!("{query} is not in this file")),
        Err(why) => Err(why),
    }
}

const fn yes(on: bool) -> &'static str {
    if on { "yes" } else { "" }
}

/// A path as people type it: `~/` is their home.
fn home(text: &str) -> std::path::PathBuf {
    match text.strip_prefix("~/").zip(directories::BaseDirs::new()) {
        Some((rest, dirs)) => dirs.home_dir().join(rest),
        None => text.into(),
    }
}
