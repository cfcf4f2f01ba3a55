//! The beginning of a file in a container, which need not run.

use std::io::Read;
use std::path::{Component, Path, PathBuf};

use futures::StreamExt;
use hyper::Method;

use super::http::{Http, SHORT, escape};
use super::{Engine, EngineError, ErrorKind, Result};

/// What an archive has around its first file's content.
const AROUND: usize = 64 << 10;
/// Links that are followed.
const HOPS: usize = 8;

/// What an archive begins with.
enum First {
    Content(Vec<u8>),
    Link(PathBuf),
    Other,
}

impl Engine {
    /// The first bytes of a file of a container; `None` when there is no such file.
    pub async fn file_start(&self, container: &str, path: &str, most: usize) -> Result<Option<Vec<u8>>> {
        let mut path = PathBuf::from(path);
        for _ in 0..HOPS {
            let query = format!("/containers/{}/archive?path={}", escape(container), escape(&path.to_string_lossy()));
            let response = match self.http.send(Method::GET, &query, SHORT).await {
                Err(e) if e.kind == ErrorKind::NotFound => return Ok(None),
                other => other?,
            };
            let (mut pieces, mut bytes) = (Http::pieces(response), Vec::new());
            while let Some(piece) = pieces.next().await {
                bytes.extend_from_slice(&piece?);
                if bytes.len() >= most + AROUND {
                    break;
                }
            }
            match first(&bytes, most) {
                Ok(First::Content(content)) => return Ok(Some(content)),
                Ok(First::Link(to)) => path = beside(&path, &to),
                Ok(First::Other) => return Ok(None),
                Err(e) => {
                    let why = format!("the archive of {} is not understood: {e}", path.display());
                    return Err(EngineError::new(ErrorKind::Other, why));
                }
            }
        }
        Ok(None)
    }
}

fn first(bytes: &[u8], most: usize) -> std::io::Result<First> {
    let mut archive = tar::Archive::new(bytes);
    let Some(entry) = archive.entries()?.next() else { return Ok(First::Other) };
    let entry = entry?;
    match entry.header().entry_type() {
        tar::EntryType::Regular => {
            let mut content = Vec::new();
            entry.take(most as u64).read_to_end(&mut content)?;
            Ok(First::Content(content))
        }
        tar::EntryType::Symlink => Ok(entry.link_name()?.map_or(First::Other, |to| First::Link(to.into_owned()))),
        _ => Ok(First::Other),
    }
}

/// Where a link at `path` leads, without anything of the host being asked.
fn beside(path: &Path, to: &Path) -> PathBuf {
    let mut whole = PathBuf::from("/");
    for part in path.parent().unwrap_or(path).join(to).components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            Component::Normal(name) => whole.push(name),
            _ => {}
        }
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_lead_to_paths_within_the_container() {
        for (path, to, expected) in [
            ("/bin/sh", "dash", "/bin/dash"),
            ("/usr/bin/python", "../local/bin/python3", "/usr/local/bin/python3"),
            ("/bin/x", "/opt/x", "/opt/x"),
            ("/x", "../../etc", "/etc"),
        ] {
            assert_eq!(beside(Path::new(path), Path::new(to)), Path::new(expected));
        }
    }
}
