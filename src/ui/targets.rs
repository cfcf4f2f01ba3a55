//! What a row stands for, looked up: its containers, its name, the scope of its keys, the fields of templates.

use std::sync::Arc;

use crate::config::Fields;
use crate::engine::model::Container;

use super::action::Scope;
use super::app::App;
use super::view::Target;

impl App {
    /// The container that a target stands for.
    pub fn container(&self, target: &Target) -> Option<&Arc<Container>> {
        match target {
            Target::Container(id) | Target::Session(id) | Target::Member(_, id) => self.snap.containers.get(id),
            _ => None,
        }
    }

    /// All containers that a target stands for.
    pub fn containers_of(&self, target: &Target) -> Vec<Arc<Container>> {
        match target {
            Target::Container(id) | Target::Session(id) | Target::Member(_, id) => {
                self.snap.containers.get(id).cloned().into_iter().collect()
            }
            Target::Stack(name) => self.snap.stack(name).map_or(Vec::new(), |s| s.containers().cloned().collect()),
            Target::Service(stack, service) => {
                let stack = self.snap.stack(stack);
                let service = stack.and_then(|s| s.services.iter().find(|x| *x.name == **service));
                service.map_or(Vec::new(), |s| s.containers.clone())
            }
            Target::Lab(id) => {
                let session = self.lab_session(id);
                session.and_then(|s| self.snap.containers.get(&s.container)).cloned().into_iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// What a thing is called.
    pub fn name_of(&self, target: &Target) -> String {
        match target {
            Target::Stack(name) | Target::Volume(name) => name.to_string(),
            Target::Host => self.host_name(),
            Target::Lab(id) => id.to_string(),
            Target::BrokenLab(file) => super::labs::folder_of(file).to_owned(),
            Target::Service(stack, service) => format!("{stack} › {service}"),
            Target::Container(id) | Target::Member(_, id) => {
                self.snap.containers.get(id).map_or_else(|| crate::text::short_id(id).to_owned(), |c| c.name.clone())
            }
            Target::Session(id) => self
                .container(target)
                .and_then(|c| c.labels.get(crate::sessions::LABEL))
                .map_or_else(|| crate::text::short_id(id).to_owned(), |s| format!("session {s}")),
            Target::Image(id) => self
                .snap
                .images
                .get(id)
                .and_then(|i| i.tags.first().cloned())
                .unwrap_or_else(|| crate::text::short_id(id).to_owned()),
            Target::Network(id) => {
                self.snap.networks.get(id).map_or_else(|| crate::text::short_id(id).to_owned(), |n| n.name.clone())
            }
            Target::Task(id) => self.tasks.get(*id).map_or_else(|| "task".to_owned(), |t| t.title.clone()),
            Target::Heal(_) => self.health.heal(target).map_or_else(|| "restart".to_owned(), |h| h.name.clone()),
            Target::Event(..) => super::views::activity::event(&self.snap, target)
                .map_or_else(|| "event".to_owned(), |e| format!("{} {}", e.kind, e.action)),
        }
    }

    /// Fields for the templates of the user's own commands.
    pub fn fields(&self, target: &Target) -> Fields {
        let fields = Fields::new().with("host", self.snap.host.clone());
        match target {
            Target::Container(id) | Target::Session(id) | Target::Member(_, id) => match self.snap.containers.get(id) {
                Some(c) => fields
                    .with("id", c.id.to_string())
                    .with("name", c.name.clone())
                    .with("image", c.image.clone())
                    .with("stack", c.stack().unwrap_or_default())
                    .with("service", c.service().unwrap_or_default()),
                None => fields.with("id", id.to_string()),
            },
            Target::Stack(name) => {
                let dir = self.snap.stack(name).and_then(|s| s.working_dir.clone()).unwrap_or_default();
                fields
                    .with("name", name.to_string())
                    .with("stack", name.to_string())
                    .with("dir", dir.display().to_string())
            }
            Target::Service(stack, service) => fields
                .with("name", service.to_string())
                .with("stack", stack.to_string())
                .with("service", service.to_string()),
            Target::Image(_) | Target::Network(_) | Target::Volume(_) => {
                let id = match target {
                    Target::Image(id) | Target::Network(id) | Target::Volume(id) => id.to_string(),
                    _ => String::new(),
                };
                fields.with("id", id).with("name", self.name_of(target))
            }
            Target::Lab(id) => fields.with("name", id.to_string()),
            Target::Host | Target::Task(_) | Target::Heal(_) | Target::Event(..) | Target::BrokenLab(_) => fields,
        }
    }
}

/// The scope of the actions that a thing takes.
pub fn scope_of(target: &Target) -> Option<Scope> {
    Some(match target {
        Target::Container(_) | Target::Member(..) => Scope::Container,
        Target::Stack(_) | Target::Service(..) => Scope::Stack,
        Target::Session(_) => Scope::Session,
        Target::Lab(_) => Scope::Lab,
        Target::Image(_) => Scope::Image,
        Target::Network(_) => Scope::Network,
        Target::Volume(_) => Scope::Volume,
        Target::Task(_) => Scope::Task,
        Target::Host | Target::Heal(_) | Target::Event(..) | Target::BrokenLab(_) => return None,
    })
}
