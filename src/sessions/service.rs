//! What a session serves, looked at without a port being published.

use crate::engine::request::{Answer, Ask, PATIENCE, Reach, Silence};
use crate::engine::{Engine, EngineError, ErrorKind, Result};

use super::Session;

/// Asks a session's service.
pub async fn look(engine: &Engine, session: &Session, ask: &Ask) -> Result<Answer> {
    let reach = Reach::Command { container: session.name.clone(), command: Session::port_command(ask.port) };
    engine.request(&reach, ask).await.map_err(|silence| match silence {
        Silence::Refused => {
            EngineError::new(ErrorKind::Unreachable, format!("nothing listens on port {} of the session", ask.port))
                .with_hint(format!("docker run -d -p {0}:{0} IMAGE starts a service there", ask.port))
        }
        Silence::Broke(why) => {
            EngineError::new(ErrorKind::Unreachable, format!("port {} gave no HTTP answer: {why}", ask.port))
                .with_hint("does it speak HTTP, and does it listen on 0.0.0.0 in its container?")
        }
        Silence::Slow => EngineError::new(
            ErrorKind::Timeout,
            format!("no answer from port {} within {} s", ask.port, PATIENCE.as_secs()),
        )
        .with_hint("it listens, but does not answer; its logs may say why"),
        Silence::NoWay(error) => error,
    })
}
