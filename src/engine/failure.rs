//! The words for what goes wrong: what was tried, why it failed, what to do next.

use std::error::Error;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::endpoint::Address;
use super::{DEFAULT_SOCKET, EngineError, ErrorKind};

type Dyn = dyn Error + 'static;

/// Longest part of an engine's or proxy's own words that is repeated.
const LONGEST: usize = 600;

/// The words for a connection that could not be made, or that broke.
pub(super) fn broken(address: &Address, error: &Dyn) -> EngineError {
    let reason = root(error);
    let unreachable = |message: String| EngineError::new(ErrorKind::Unreachable, message);
    if let Address::Ssh { user, host, .. } = address {
        let place = user.as_ref().map_or_else(|| host.clone(), |u| format!("{u}@{host}"));
        let (kind, hint) = ssh_advice(&reason, &place);
        return EngineError::new(kind, format!("{address}: {reason}")).with_hint(hint);
    }
    if let Address::Inside { container, .. } = address {
        let outer = chain(error).find_map(|e| e.downcast_ref::<EngineError>());
        return match outer {
            Some(e) if e.kind == ErrorKind::NotFound => EngineError::new(e.kind, format!("{container} has ended")),
            Some(e) if e.kind == ErrorKind::Conflict => EngineError::new(e.kind, format!("{container} does not run")),
            Some(e) => EngineError::new(e.kind, format!("{container}: {}", e.message)).with_hint(&e.hint),
            None => unreachable(format!("Docker in {container} does not answer: {reason}")),
        };
    }
    if let Some(tls) = chain(error).find_map(|e| e.downcast_ref::<rustls::Error>()) {
        let (why, hint) = tls_words(tls);
        return EngineError::new(ErrorKind::Config, format!("TLS with {address} failed: {why}")).with_hint(hint);
    }
    if chain(error).filter_map(|e| e.downcast_ref::<hyper::Error>()).any(hyper::Error::is_parse) {
        return EngineError::new(ErrorKind::Config, format!("what answers at {address} is no engine: {reason}"))
            .with_hint("is it another service's port, or does it want TLS (DOCKER_TLS_VERIFY=1)?");
    }
    let io = chain(error).find_map(|e| e.downcast_ref::<io::Error>()).map(io::Error::kind);
    match (io, address) {
        (Some(io::ErrorKind::NotFound), Address::Unix(path)) => {
            unreachable(format!("there is no engine at {}", path.display())).with_hint(if is_default(path) {
                "is Docker installed and running? sudo systemctl start docker"
            } else {
                "is it running? check DOCKER_HOST or --host"
            })
        }
        (Some(io::ErrorKind::PermissionDenied), Address::Unix(path)) => {
            EngineError::new(ErrorKind::Permission, format!("{} may not be opened by this user", path.display()))
                .with_hint(permission_advice(path))
        }
        (Some(io::ErrorKind::ConnectionRefused), Address::Tcp { .. }) => {
            unreachable(format!("nobody listens at {address}"))
                .with_hint("is the engine running there, and does it listen on TCP? ssh://user@host needs no open port")
        }
        (Some(io::ErrorKind::ConnectionRefused), _) => unreachable(format!("nobody listens at {address}")).with_hint(
            "the engine is not running: sudo systemctl start docker; journalctl -u docker tells why it stopped",
        ),
        (Some(io::ErrorKind::TimedOut), Address::Tcp { .. }) => unreachable(format!("{address}: {reason}"))
            .with_hint("is the host up, and does its firewall let this port through?"),
        _ => unreachable(format!("{address}: {reason}")),
    }
}

/// An engine's error out of an I/O error that carries it.
pub(super) fn told(error: &io::Error) -> EngineError {
    let inner = error.get_ref().and_then(|e| e.downcast_ref::<EngineError>()).cloned();
    inner.unwrap_or_else(|| EngineError::new(ErrorKind::Unreachable, error.to_string()))
}

/// The words for an answer that says no; `what` is the request, `body` what came with the answer.
pub(super) fn answered(what: &str, status: u16, body: &str) -> EngineError {
    let what = what.split('?').next().unwrap_or(what);
    let json: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let said = one_line(json.as_ref().and_then(|v| v["message"].as_str()).unwrap_or(body));
    let said = said.strip_prefix("Error response from daemon: ").unwrap_or(&said);
    // A page is a proxy's, for browsers.
    let said = if said.starts_with('<') { "" } else { said };
    let kind = match status {
        403 if is_the_engines_own(what, said) => ErrorKind::Conflict,
        401 | 403 => ErrorKind::Forbidden,
        404 => ErrorKind::NotFound,
        409 => ErrorKind::Conflict,
        502..=504 if said.is_empty() => ErrorKind::Unreachable,
        _ => ErrorKind::Other,
    };
    match kind {
        ErrorKind::Forbidden => {
            let reason = if said.is_empty() || said.to_lowercase().trim_end_matches('.').ends_with("forbidden") {
                String::new()
            } else {
                format!(": {said}")
            };
            EngineError::new(kind, format!("the API refuses {what} ({status}){reason}"))
                .with_hint("a socket proxy or an authorisation plugin does not let this pass")
        }
        ErrorKind::Unreachable => EngineError::new(kind, format!("{what} was answered with {status}"))
            .with_hint("a proxy stands before the engine and cannot reach it"),
        _ if status == 400 && said.contains("HTTP request to an HTTPS server") => {
            EngineError::new(ErrorKind::Config, "the engine speaks only TLS at this port")
                .with_hint("set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH, or use a context that has the certificates")
        }
        _ if said.is_empty() => EngineError::new(kind, format!("{what} was answered with {status}")),
        _ => EngineError::new(kind, said),
    }
}

/// Engines answer 403 themselves where a network is in use or their own ("bridge is a pre-defined
/// network"); that is no matter of rights.
fn is_the_engines_own(what: &str, said: &str) -> bool {
    let said = said.to_lowercase();
    let refusal = ["forbidden", "denied", "authoriz", "authoris", "not allowed", "permitted by"];
    !what.starts_with("GET ")
        && what.contains(" /networks/")
        && !said.is_empty()
        && !refusal.iter().any(|word| said.contains(word))
}

fn ssh_advice(reason: &str, place: &str) -> (ErrorKind, String) {
    let says = |words: &str| reason.contains(words);
    let by_hand = |why: &str| format!("{why}: ssh {place} docker version");
    match () {
        () if says("Host key verification failed") => {
            (ErrorKind::Config, by_hand("log in once by hand to accept the host's key"))
        }
        () if says("dial unix") && says("permission denied") => (
            ErrorKind::Permission,
            format!("{place} may not open the engine's socket: add that user to the docker group there"),
        ),
        () if says("Permission denied") => {
            (ErrorKind::Config, by_hand("ssh must log in without a question: load your key with ssh-add, then try"))
        }
        () if (says("docker") && says("not found")) || says("not a docker command") => (
            ErrorKind::Config,
            format!("is Docker 18.09 or newer installed on {place}, and in the PATH of ssh logins?"),
        ),
        () if says("cannot be run") => (ErrorKind::Config, "install openssh-client".to_owned()),
        () => (ErrorKind::Unreachable, by_hand("try by hand")),
    }
}

/// Why TLS failed, and what to do about it.
fn tls_words(error: &rustls::Error) -> (String, &'static str) {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error as Tls};
    const OURS: &str =
        "cert.pem and key.pem in DOCKER_CERT_PATH, or in the context, must be ones that the engine knows";
    const ITS: &str =
        "ca.pem in DOCKER_CERT_PATH, or in the context, must be the one that signed the engine's certificate";
    let (why, hint) = match error {
        Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            ("the engine's certificate is not signed by ca.pem", ITS)
        }
        Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            ("the engine's certificate has expired", "renew it on the engine's host")
        }
        Tls::InvalidCertificate(Bad::NotValidYet | Bad::NotValidYetContext { .. }) => {
            ("the engine's certificate is not valid yet", "are the clocks of both machines right?")
        }
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => (
            "the engine's certificate is for another name",
            "use a name or address that stands in the certificate, or have one made for this",
        ),
        Tls::AlertReceived(Alert::CertificateRequired | Alert::NoCertificate) => {
            ("the engine asks for a client certificate", OURS)
        }
        Tls::AlertReceived(
            Alert::UnknownCA
            | Alert::BadCertificate
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::DecryptError
            | Alert::AccessDenied,
        ) => ("the engine does not accept our certificate", OURS),
        Tls::InvalidMessage(_) => (
            "the engine does not speak TLS at this port",
            "unset DOCKER_TLS_VERIFY, or use the port that has TLS (2376)",
        ),
        other => return (other.to_string(), ITS),
    };
    (why.to_owned(), hint)
}

fn is_default(path: &Path) -> bool {
    path == Path::new(DEFAULT_SOCKET)
}

/// What makes a socket openable.
fn permission_advice(path: &Path) -> String {
    match group_of(path) {
        Some(group) => format!(
            "it belongs to the group {group}: sudo usermod -aG {group} $USER, then log in again; that group can do what root can"
        ),
        None if is_default(path) => {
            "sudo usermod -aG docker $USER, then log in again; the docker group can do what root can".to_owned()
        }
        None => "run as the user it belongs to".to_owned(),
    }
}

/// The name of the group that may open a file, when that is not root's.
fn group_of(path: &Path) -> Option<String> {
    let gid = std::fs::metadata(path).ok()?.gid();
    let groups = std::fs::read_to_string("/etc/group").ok()?;
    group_named(&groups, gid)
}

fn group_named(groups: &str, gid: u32) -> Option<String> {
    let gid = Some(gid).filter(|gid| *gid != 0)?.to_string();
    let line = groups.lines().find(|line| line.split(':').nth(2) == Some(&gid))?;
    Some(line.split(':').next()?.to_owned())
}

/// Text as one line of bounded length: engines send whole paragraphs.
fn one_line(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn chain(error: &Dyn) -> impl Iterator<Item = &Dyn> {
    std::iter::successors(Some(error), |e| cause(*e))
}

/// What an error wraps; an I/O error hides that from `source`.
fn cause(error: &Dyn) -> Option<&Dyn> {
    let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    inner.map(|inner| inner as &Dyn).or_else(|| error.source())
}

/// The innermost cause: the outer ones only say that something failed.
pub(super) fn root(error: &Dyn) -> String {
    chain(error).last().map_or_else(String::new, |e| one_line(&e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(what: &str, status: u16, body: &str) -> (ErrorKind, String) {
        let error = answered(what, status, body);
        (error.kind, error.message)
    }

    #[test]
    fn a_refusal_names_the_request_and_repeats_a_reason() {
        let start = "POST /containers/x/start?t=1";
        let page = "<html><body><h1>403 Forbidden</h1></body></html>";
        for body in [page, "", "Forbidden", "{\"message\":\"403 Forbidden\"}"] {
            assert_eq!(
                said(start, 403, body),
                (ErrorKind::Forbidden, "the API refuses POST /containers/x/start (403)".to_owned()),
                "{body}"
            );
        }
        let plugin = r#"{"message":"authorization denied by plugin opa: read only\n"}"#;
        let (kind, message) = said(start, 403, plugin);
        assert_eq!(kind, ErrorKind::Forbidden);
        assert!(message.ends_with("(403): authorization denied by plugin opa: read only"), "{message}");
    }

    #[test]
    fn a_network_in_use_is_no_refusal() {
        let body = r#"{"message":"error while removing network: network x id y has active endpoints"}"#;
        let (kind, message) = said("DELETE /networks/x", 403, body);
        assert_eq!(kind, ErrorKind::Conflict);
        assert!(message.starts_with("error while removing network"), "{message}");
        assert_eq!(said("DELETE /networks/x", 403, "Forbidden").0, ErrorKind::Forbidden);
        assert_eq!(said("GET /networks", 403, "no reading").0, ErrorKind::Forbidden);
    }

    #[test]
    fn an_engines_own_words_become_one_harmless_line() {
        let body = "{\"message\":\"OCI runtime create failed:\\n\\trunc: \\u001b[31mno such file\"}";
        assert_eq!(said("POST /x", 500, body).1, "OCI runtime create failed: runc: ·[31mno such file");
        assert_eq!(said("GET /x", 404, ""), (ErrorKind::NotFound, "GET /x was answered with 404".to_owned()));
        assert!(said("GET /x", 500, &"word ".repeat(1000)).1.chars().count() <= LONGEST + 1);
    }

    #[test]
    fn a_proxy_without_its_engine_is_worth_another_try() {
        assert_eq!(said("GET /x", 503, "<html>No server is available</html>").0, ErrorKind::Unreachable);
        let swarm = r#"{"message":"This node is not a swarm manager."}"#;
        assert_eq!(said("GET /nodes", 503, swarm).0, ErrorKind::Other);
    }

    #[test]
    fn plain_http_to_a_tls_port_says_what_to_set() {
        let error = answered("GET /version", 400, "Client sent an HTTP request to an HTTPS server.\n");
        assert_eq!(error.kind, ErrorKind::Config);
        assert!(error.hint.contains("DOCKER_TLS_VERIFY"), "{error}");
    }

    #[test]
    fn ssh_troubles_that_waiting_cannot_mend_are_settings() {
        for (reason, kind) in [
            ("ops@h: Permission denied (publickey).", ErrorKind::Config),
            ("Host key verification failed.", ErrorKind::Config),
            ("bash: line 1: docker: command not found", ErrorKind::Config),
            ("dial unix /var/run/docker.sock: connect: permission denied", ErrorKind::Permission),
            ("ssh: connect to host h port 22: Connection refused", ErrorKind::Unreachable),
        ] {
            assert_eq!(ssh_advice(reason, "ops@h").0, kind, "{reason}");
        }
    }

    #[test]
    fn the_group_of_a_socket_is_named() {
        let groups = "root:x:0:\nstaff:x:50:\ndocker:x:998:me,you\n";
        assert_eq!(group_named(groups, 998).as_deref(), Some("docker"));
        assert_eq!(group_named(groups, 0), None);
        assert_eq!(group_named(groups, 7), None);
    }
}
