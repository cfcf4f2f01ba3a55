//! What is done to a whole stack: service by service, in the order in which they need each other.

use std::time::{Duration, Instant};

use tokio::process::Command;

use crate::engine::model::{Container, Health, State};
use crate::engine::{Engine, EngineError, ErrorKind};
use crate::fleet::Stack;
use crate::stacks::{self, Condition, Waits};

use super::child::run_child;
use super::job::{Named, StackVerb, Verb};
use super::record::Outcome;
use super::run::{Parts, Teller, each_of, on_container, seconds, summed};

/// How long a service is waited for before what needs it is begun without it.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(300);

pub(super) async fn on_stack(
    engine: &Engine,
    verb: StackVerb,
    stack: &Stack,
    teller: &Teller,
    began: Instant,
) -> Result<Outcome, EngineError> {
    if matches!(verb, StackVerb::Up | StackVerb::Pull) {
        with_compose(engine, verb, stack, teller).await?;
        let done = if verb == StackVerb::Up { "up" } else { "pulled" };
        return Ok(Outcome::Done(format!("{done} in {}", seconds(began))));
    }
    let (waits, troubles) = stacks::waits(stack);
    for trouble in &troubles {
        teller.line(trouble);
    }
    let order = stacks::order(stack, &waits);
    if !order.circle.is_empty() {
        teller.line(format!("{} wait for each other; their order is by name", order.circle.join(", ")));
    }
    let action = match verb {
        StackVerb::Restart => Verb::Restart,
        StackVerb::Stop => Verb::Stop,
        // Anonymous volumes stay too: what a program wrote there may be all there is.
        StackVerb::Down => Verb::Remove { force: true, volumes: false },
        _ => Verb::Start,
    };
    let parts = if matches!(verb, StackVerb::Stop | StackVerb::Down) {
        backwards(engine, &action, stack, &order.waves, teller).await?
    } else {
        forwards(engine, &action, stack, (&order.waves, &waits), teller).await?
    };
    Ok(summed(parts, action.words().1, "container", began))
}

/// What needs the compose file is left to compose.
async fn with_compose(engine: &Engine, verb: StackVerb, stack: &Stack, teller: &Teller) -> Result<(), EngineError> {
    stacks::check_files(stack, engine.endpoint().is_local())?;
    let compose = stacks::compose().await?;
    let mut child = Command::new(&compose[0]);
    child.args(&compose[1..]).args(stacks::arguments(stack)).arg(verb.word());
    if verb == StackVerb::Up {
        child.arg("--detach");
    }
    let to_engine = engine.for_child()?;
    child.envs(to_engine.env.clone());
    run_child(child, teller).await
}

/// The containers of some services. What `compose run` made once (a migration, a backup) is only
/// removed with its stack: it is never run again.
fn members(stack: &Stack, services: &[String], action: &Verb) -> Vec<Named> {
    let all = matches!(action, Verb::Remove { .. });
    let services = stack.services.iter().filter(|s| services.contains(&s.name));
    let containers = services.flat_map(|s| &s.containers).filter(|c| all || !stacks::is_one_off(c));
    containers.map(|c| Named { id: c.id.clone(), name: c.name.clone() }).collect()
}

fn names(of: &[Named]) -> String {
    of.iter().map(|n| n.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// What others need first. Where that fails, what needs it is left as it is.
async fn forwards(
    engine: &Engine,
    action: &Verb,
    stack: &Stack,
    (waves, waits): (&[Vec<String>], &Waits),
    teller: &Teller,
) -> Result<Parts, EngineError> {
    let mut parts = Parts::default();
    let on: Vec<Vec<Named>> = waves.iter().map(|wave| members(stack, wave, action)).collect();
    let total = on.iter().map(Vec::len).sum();
    for (i, (wave, services)) in on.iter().zip(waves).enumerate() {
        let note = format!("{} {}", action.words().0, names(wave));
        teller.progress(parts.0, total, &note);
        each_of(teller, wave, (&mut parts, total, &note), |one| {
            let (engine, action) = (engine.clone(), action.clone());
            Box::pin(async move { on_container(&engine, &action, &one.id).await })
        })
        .await;
        let rest = on[i + 1..].concat();
        if !parts.1.is_empty() {
            if !rest.is_empty() {
                teller.line(format!("left as they are: {}", names(&rest)));
            }
            break;
        }
        for service in services.iter().filter(|_| !rest.is_empty()) {
            for one in members(stack, std::slice::from_ref(service), action) {
                let wanted = stacks::wanted_of(waits, service);
                wait_for(engine, &one, wanted, teller, (parts.0, total)).await?;
            }
        }
    }
    Ok(parts)
}

/// What needs others first; a failure does not stop the rest.
async fn backwards(
    engine: &Engine,
    action: &Verb,
    stack: &Stack,
    waves: &[Vec<String>],
    teller: &Teller,
) -> Result<Parts, EngineError> {
    let mut parts = Parts::default();
    let on: Vec<Vec<Named>> = waves.iter().rev().map(|wave| members(stack, wave, action)).collect();
    let total = on.iter().map(Vec::len).sum();
    let removes = matches!(action, Verb::Remove { .. });
    for wave in &on {
        let note = format!("{} {}", action.words().0, names(wave));
        teller.progress(parts.0 + parts.1.len(), total, &note);
        each_of(teller, wave, (&mut parts, total, &note), |one| {
            let (engine, action) = (engine.clone(), action.clone());
            Box::pin(async move {
                // Asked to end before it is removed, as compose does.
                match engine.stop(&one.id, None).await {
                    // Someone else removed it; what was wanted is so.
                    Err(e) if e.kind == ErrorKind::NotFound => return Ok(()),
                    Err(e) => return Err(e),
                    Ok(()) => {}
                }
                if removes { on_container(&engine, &action, &one.id).await } else { Ok(()) }
            })
        })
        .await;
    }
    if removes {
        for network in engine.networks().await? {
            if network.labels.get("com.docker.compose.project") != Some(&stack.name) {
                continue;
            }
            match engine.remove_network(&network.id).await {
                Err(e) if e.kind != ErrorKind::NotFound => {
                    teller.line(format!("network {}: {e}", network.name));
                    parts.1.push((format!("network {}", network.name), e));
                }
                _ => teller.line(format!("network {}: done", network.name)),
            }
        }
    }
    Ok(parts)
}

/// Waits until a container is as those that need it want it. One that does not get there is told of,
/// and the rest goes on: what needs it decides for itself.
async fn wait_for(
    engine: &Engine,
    one: &Named,
    wanted: Condition,
    teller: &Teller,
    (done, total): (usize, usize),
) -> Result<(), EngineError> {
    let until = Instant::now() + PATIENCE;
    loop {
        let container = match engine.inspect(&one.id).await {
            Ok(inspection) => inspection.container,
            Err(e) if e.kind == ErrorKind::NotFound => {
                teller.line(format!("{} is not there any more; going on without it", one.name));
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        let waiting = match standing(&container, wanted) {
            Standing::There => return Ok(()),
            Standing::Never(why) => {
                teller.line(format!("{} {why}; going on without it", one.name));
                return Ok(());
            }
            Standing::NotYet(what) => format!("waiting for {} {what}", one.name),
        };
        if Instant::now() >= until {
            teller.line(format!("{waiting} took {} s; going on without it", PATIENCE.as_secs()));
            return Ok(());
        }
        teller.progress(done, total, &waiting);
        tokio::time::sleep(LOOK).await;
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Standing {
    There,
    NotYet(&'static str),
    Never(String),
}

/// How a container stands to what is wanted of it.
fn standing(container: &Container, wanted: Condition) -> Standing {
    let state = container.state;
    match (wanted, state, container.health) {
        (Condition::Completed, State::Running | State::Paused | State::Restarting, _) => {
            Standing::NotYet("to complete")
        }
        (Condition::Completed, State::Exited, _) if container.exit_code == Some(0) => Standing::There,
        (Condition::Completed, State::Exited, _) => {
            Standing::Never(format!("ended with {}", container.exit_code.unwrap_or(-1)))
        }
        (Condition::Healthy, State::Running, Health::Starting) => Standing::NotYet("to be healthy"),
        (Condition::Healthy, State::Running, Health::Unhealthy) => Standing::Never("is unhealthy".to_owned()),
        (_, State::Running | State::Paused, _) => Standing::There,
        // It ran to its end, or fails: nothing to wait for.
        _ => Standing::Never(format!("is {}", state.word())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_what_is_wanted() {
        let container = |state, health, exit_code| Container { state, health, exit_code, ..Container::default() };
        let starting = container(State::Running, Health::Starting, None);
        assert_eq!(standing(&starting, Condition::Started), Standing::There);
        assert_eq!(standing(&starting, Condition::Healthy), Standing::NotYet("to be healthy"));
        let plain = container(State::Running, Health::None, None);
        assert_eq!(standing(&plain, Condition::Healthy), Standing::There);
        assert_eq!(standing(&plain, Condition::Completed), Standing::NotYet("to complete"));
        let ended = |code| container(State::Exited, Health::None, Some(code));
        assert_eq!(standing(&ended(0), Condition::Completed), Standing::There);
        assert_eq!(standing(&ended(3), Condition::Completed), Standing::Never("ended with 3".into()));
        assert_eq!(standing(&ended(0), Condition::Started), Standing::Never("is exited".into()));
    }
}
