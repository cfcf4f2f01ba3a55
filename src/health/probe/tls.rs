//! A TLS service's certificate: shaken hands with whatever it shows, then judged.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use rustls::client::{verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, Error, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::found;
use crate::engine::AnyCertificate;
use crate::health::{Finding, Level};
use crate::text::{clean, duration, fit};

/// A certificate that expires within this time is told of.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// The issuers that this machine trusts, read once; empty where it has none.
pub(in crate::health) async fn roots() -> Arc<RootCertStore> {
    static ROOTS: OnceLock<Arc<RootCertStore>> = OnceLock::new();
    if let Some(roots) = ROOTS.get() {
        return roots.clone();
    }
    let read = tokio::task::spawn_blocking(|| {
        let mut roots = RootCertStore::empty();
        roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        Arc::new(roots)
    });
    let roots = read.await.unwrap_or_else(|_| Arc::new(RootCertStore::empty()));
    ROOTS.get_or_init(|| roots).clone()
}

/// Shakes hands, whatever the certificate is: it is judged afterwards, and nothing secret is sent to whoever shows
/// it. Without a name none is asked for.
pub(super) async fn shake(tcp: TcpStream, name: Option<&str>, http: bool) -> io::Result<TlsStream<TcpStream>> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(AnyCertificate(provider)))
        .with_no_client_auth();
    if http {
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
    }
    let name = match name.map(|n| ServerName::try_from(n.to_owned())) {
        Some(name) => name.map_err(|e| io::Error::new(io::ErrorKind::InvalidInput, e))?,
        None => ServerName::IpAddress(tcp.peer_addr()?.ip().into()),
    };
    tokio_rustls::TlsConnector::from(Arc::new(config)).connect(name, tcp).await
}

/// The certificates that were shown, the service's own first.
pub(super) fn shown(stream: &TlsStream<TcpStream>) -> Vec<CertificateDer<'static>> {
    stream.get_ref().1.peer_certificates().map(<[_]>::to_vec).unwrap_or_default()
}

/// What is wrong with the certificates that a service shows.
pub(super) fn judge(
    chain: &[CertificateDer<'_>],
    name: Option<&str>,
    insecure: bool,
    roots: &RootCertStore,
    now: Timestamp,
) -> Option<Finding> {
    let invalid = |what: String, why: String, todo: &str| found("TLS_INVALID", Level::Failing, what, why, todo);
    let Some((own, others)) = chain.split_first() else {
        return Some(invalid("it shows no certificate".into(), String::new(), "configure one in the service"));
    };
    let Ok((_, parsed)) = X509Certificate::from_der(own) else {
        return Some(invalid(
            "its certificate cannot be read".into(),
            "it is no X.509 certificate".into(),
            "configure another in the service",
        ));
    };
    let evidence = vec![describe(&parsed)];
    let with = |finding: Finding| Some(Finding { evidence: evidence.clone(), ..finding });
    let until = Timestamp::from_second(parsed.validity().not_after.timestamp()).unwrap_or(Timestamp::MAX);
    let from = Timestamp::from_second(parsed.validity().not_before.timestamp()).unwrap_or(Timestamp::MIN);
    let ago = |span: SignedDuration| duration(span.as_secs().unsigned_abs());
    let renew = "renew it, and have the service read it again; look at what should have renewed it by itself";
    if until < now {
        let what = format!("its certificate expired {} ago", ago(now.duration_since(until)));
        let expired = found("TLS_EXPIRED", Level::Failing, what, format!("it was valid until {until}"), renew);
        return with(Finding { since: Some(until), ..expired });
    }
    if from > now {
        return with(invalid(
            format!("its certificate is valid only in {}", ago(from.duration_since(now))),
            format!("it begins at {from}"),
            "compare the clocks of this machine and of the one that issued it",
        ));
    }
    if !insecure && let Some(finding) = trust(own, others, &parsed, name, roots, now) {
        return with(finding);
    }
    if until.duration_since(now) <= SOON {
        let what = format!("its certificate expires in {}", ago(until.duration_since(now)));
        return with(found("TLS_EXPIRES", Level::Degraded, what, format!("it is valid until {until}"), renew));
    }
    None
}

/// Whether visitors would trust it: for its name, and by an issuer they know.
fn trust(
    own: &CertificateDer<'_>,
    others: &[CertificateDer<'_>],
    parsed: &X509Certificate<'_>,
    name: Option<&str>,
    roots: &RootCertStore,
    now: Timestamp,
) -> Option<Finding> {
    let invalid = |level, what: String, why: String, todo: &str| Some(found("TLS_INVALID", level, what, why, todo));
    let certificate = match ParsedCertificate::try_from(own) {
        Ok(certificate) => certificate,
        Err(error) => {
            let what = "its certificate is none for a service".to_owned();
            return invalid(Level::Failing, what, clean(&error.to_string()).into_owned(), "make one of version 3");
        }
    };
    if let Some(name) = name
        && ServerName::try_from(name).is_ok_and(|name| verify_server_name(&certificate, &name).is_err())
    {
        let names = names(parsed);
        let why = if names.is_empty() { "it names no host at all".to_owned() } else { format!("it is for {names}") };
        let todo = "give the service a certificate for that name, or ask for the name it is for";
        return invalid(Level::Failing, format!("its certificate is not for {name}"), why, todo);
    }
    if roots.is_empty() {
        return invalid(
            Level::Degraded,
            "nobody can tell who issued its certificate".to_owned(),
            "this machine has no root certificates".to_owned(),
            "install ca-certificates here, or set the label dev.ondeck.health.insecure: true",
        );
    }
    let algorithms = rustls::crypto::ring::default_provider().signature_verification_algorithms.all;
    let now = UnixTime::since_unix_epoch(Duration::from_secs(now.as_second().max(0).unsigned_abs()));
    let error = verify_server_cert_signed_by_trust_anchor(&certificate, roots, others, now, algorithms).err()?;
    let meant = "if that is meant so, set the label dev.ondeck.health.insecure: true";
    let issuer = shorten(&parsed.issuer().to_string());
    if parsed.issuer() == parsed.subject() {
        return invalid(Level::Failing, "its certificate is signed by itself only".into(), String::new(), meant);
    }
    match error {
        Error::InvalidCertificate(CertificateError::UnknownIssuer) => invalid(
            Level::Failing,
            "its certificate is by an issuer that nobody knows".to_owned(),
            if others.is_empty() {
                format!("{issuer} issued it, and the service shows no certificate of that one (no full chain)")
            } else {
                format!("{issuer} issued it")
            },
            "have the service show the whole chain; if the issuer is your own, set dev.ondeck.health.insecure: true",
        ),
        other => {
            let why = shorten(&other.to_string());
            invalid(Level::Failing, "its certificate's chain is not right".to_owned(), why, meant)
        }
    }
}

/// The names a certificate is for, at most five.
fn names(certificate: &X509Certificate<'_>) -> String {
    let Ok(Some(all)) = certificate.subject_alternative_name() else { return String::new() };
    let named = all.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(shorten(name)),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => <[u8; 4]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
            _ => <[u8; 16]>::try_from(*bytes).ok().map(|b| IpAddr::from(b).to_string()),
        },
        _ => None,
    });
    let mut named: Vec<String> = named.take(6).collect();
    if named.len() > 5 {
        named[5] = String::from("…");
    }
    named.join(", ")
}

/// A certificate in one line.
fn describe(certificate: &X509Certificate<'_>) -> String {
    let names = names(certificate);
    let subject = if names.is_empty() { shorten(&certificate.subject().to_string()) } else { names };
    let until = Timestamp::from_second(certificate.validity().not_after.timestamp());
    let until = until.map_or_else(|_| "no end".to_owned(), |t| t.to_string());
    format!("certificate for {subject}, by {}, until {until}", shorten(&certificate.issuer().to_string()))
}

fn shorten(text: &str) -> String {
    fit(&clean(text), 120).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

    fn now() -> Timestamp {
        "2030-06-15T12:00:00Z".parse().unwrap()
    }

    fn params(names: &[&str], from: (i32, u8, u8), until: (i32, u8, u8)) -> CertificateParams {
        let mut params = CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).unwrap();
        params.not_before = rcgen::date_time_ymd(from.0, from.1, from.2);
        params.not_after = rcgen::date_time_ymd(until.0, until.1, until.2);
        params
    }

    /// An issuer, and a certificate of it.
    fn issued(names: &[&str], from: (i32, u8, u8), until: (i32, u8, u8)) -> (CertificateDer<'static>, RootCertStore) {
        let mut ca = params(&["ca"], (2020, 1, 1), (2040, 1, 1));
        ca.distinguished_name.push(rcgen::DnType::CommonName, format!("issuer of {}", names[0]));
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(ca, KeyPair::generate().unwrap()).unwrap();
        let own = params(names, from, until).signed_by(&KeyPair::generate().unwrap(), &ca).unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(ca.der().clone()).unwrap();
        (own.der().clone(), roots)
    }

    fn code(finding: Option<&Finding>) -> &str {
        finding.map_or("", |f| f.code)
    }

    #[test]
    fn certificates_are_judged_by_their_dates() {
        let at = |from, until| {
            let (own, roots) = issued(&["a.example"], from, until);
            judge(&[own], Some("a.example"), false, &roots, now())
        };
        assert_eq!(at((2030, 1, 1), (2030, 7, 15)), None);
        let soon = at((2030, 1, 1), (2030, 6, 20)).unwrap();
        assert_eq!(
            (soon.code, soon.level, &*soon.what),
            ("TLS_EXPIRES", Level::Degraded, "its certificate expires in 4d")
        );
        let gone = at((2030, 1, 1), (2030, 6, 14)).unwrap();
        assert_eq!(
            (gone.code, gone.level, &*gone.what),
            ("TLS_EXPIRED", Level::Failing, "its certificate expired 1d ago")
        );
        assert_eq!(gone.since, Some("2030-06-14T00:00:00Z".parse().unwrap()));
        assert!(gone.evidence[0].contains("a.example"), "{gone:?}");
        let early = at((2030, 7, 1), (2030, 9, 1));
        assert_eq!(code(early.as_ref()), "TLS_INVALID");
    }

    #[test]
    fn certificates_are_judged_by_name_and_issuer() {
        let (own, roots) = issued(&["a.example", "*.b.example"], (2030, 1, 1), (2031, 1, 1));
        let ask = |name, insecure| judge(std::slice::from_ref(&own), name, insecure, &roots, now());
        assert_eq!(ask(Some("x.b.example"), false), None);
        assert_eq!(ask(None, false), None);
        let other = ask(Some("c.example"), false).unwrap();
        assert!(other.what.contains("not for c.example") && other.why.contains("*.b.example"), "{other:?}");
        assert_eq!(ask(Some("c.example"), true), None);
        let (_, strangers) = issued(&["z"], (2030, 1, 1), (2031, 1, 1));
        let unknown = judge(std::slice::from_ref(&own), None, false, &strangers, now()).unwrap();
        assert!(unknown.what.contains("issuer that nobody knows") && unknown.why.contains("full chain"), "{unknown:?}");
        let none = judge(std::slice::from_ref(&own), None, false, &RootCertStore::empty(), now()).unwrap();
        assert_eq!(none.level, Level::Degraded);
        let key = KeyPair::generate().unwrap();
        let own = params(&["a.example"], (2030, 1, 1), (2031, 1, 1)).self_signed(&key).unwrap().der().clone();
        let alone = judge(std::slice::from_ref(&own), Some("a.example"), false, &roots, now()).unwrap();
        assert!(alone.what.contains("signed by itself"), "{alone:?}");
        assert_eq!(judge(&[own], None, true, &roots, now()), None);
    }

    #[test]
    fn what_is_no_certificate_is_said_so() {
        let roots = RootCertStore::empty();
        assert!(judge(&[], None, false, &roots, now()).unwrap().what.contains("no certificate"));
        let garbage = CertificateDer::from(vec![0x30, 0x82, 0xff]);
        assert!(judge(&[garbage], None, true, &roots, now()).unwrap().what.contains("cannot be read"));
    }
}
