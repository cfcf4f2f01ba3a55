//! What is run for a terminal: the best shell there is, or a command; and how it is ended.
//!
//! The engine ends no process when a connection drops, and knows a command's process only by its number on
//! the host. So a shell is started first which tells its own number, in a command that only this module
//! reads, and then becomes the program.

/// Shells that can run what follows, the likeliest first.
pub(super) const SHELLS: [&str; 6] = ["sh", "/bin/sh", "bash", "/busybox/sh", "/bin/bash", "ash"];

/// Begins what a started shell tells of itself.
const TELL: &str = "\x1b]7770;";
/// As much of it as is waited for.
const LONGEST: usize = 512;

/// Becomes the best shell, or the command given. Without a locale typed letters beyond ASCII are garbled.
const START: &str = r#"[ -n "$LANG$LC_ALL$LC_CTYPE" ] || export LANG=C.UTF-8
if [ -n "$1" ]; then printf '\033]7770;%s;%s\007' "$$" "$0"; exec "$0" -c "$1"; fi
best=$0
for s in bash zsh ash; do if command -v "$s" >/dev/null 2>&1; then best=$s; break; fi; done
printf '\033]7770;%s;%s\007' "$$" "$best"
exec "$best""#;

/// Ends a program and what runs in its terminal: first as a terminal does that is closed, then for good.
/// For good go the shell, what has the foreground, and what that has begun even if it took itself out of the
/// terminal's session (su does). What was put in the background and does not heed the hang-up (nohup) goes on,
/// as it does elsewhere. It uses nothing but what every shell has built in. Fails when something is still there.
const END: &str = r#"leader=$1
front= all= first=
look() {
  for f in /proc/[0-9]*/stat; do
    l=
    { read -r l <"$f"; } 2>/dev/null
    p=${f#/proc/}
    p=${p%/stat}
    set -- ${l##*) }
    if [ -z "$4" ] || [ "$1" = Z ]; then continue; fi
    if [ "$p" = "$leader" ]; then front=$6; fi
    of=
    case " $first " in *" $2 "*) if [ "$2" != "$leader" ]; then of=1; fi ;; esac
    if [ "$4" != "$leader" ] && [ -z "$of" ]; then continue; fi
    case " $all " in *" $p "*) ;; *) all="$all $p" ;; esac
    case " $leader $front " in *" $3 "*) of=1 ;; esac
    case " $first " in *" $p "*) continue ;; esac
    if [ -n "$of" ]; then first="$first $p"; fi
  done
}
there() {
  for p in $first; do
    l=
    { read -r l <"/proc/$p/stat"; } 2>/dev/null
    l=${l##*) }
    case "$l" in "" | Z*) ;; *) return 0 ;; esac
  done
  return 1
}
gone() {
  n=0
  while there && [ $n -lt 20 ]; do
    n=$((n + 1))
    sleep 0.05 2>/dev/null || sleep 1
  done
  ! there
}
look
look
look
[ -n "$all" ] || exit 0
kill -HUP $all 2>/dev/null
kill -CONT $all 2>/dev/null
gone && exit 0
kill -KILL $first 2>/dev/null
gone"#;

/// The words that start a terminal's program through `shell`.
pub(super) fn start(shell: &str, command: Option<&str>) -> Vec<String> {
    let mut words = vec![shell.to_owned(), "-c".into(), START.into(), shell.to_owned()];
    words.extend(command.map(str::to_owned));
    words
}

/// The words that end it.
pub(super) fn end(shell: &str, pid: u32) -> Vec<String> {
    vec![shell.to_owned(), "-c".into(), END.into(), shell.to_owned(), pid.to_string()]
}

/// What a started program's first bytes are.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum First {
    /// Too few to tell.
    More,
    /// It told its number and name; so many bytes were for us.
    Told { pid: u32, program: String, length: usize },
    /// It told nothing.
    Nothing,
}

/// Reads what a started shell tells of itself.
pub(super) fn first(bytes: &[u8]) -> First {
    let tell = TELL.as_bytes();
    if bytes.len() < tell.len() {
        return if tell.starts_with(bytes) { First::More } else { First::Nothing };
    }
    let Some(rest) = bytes.strip_prefix(tell) else { return First::Nothing };
    let Some(end) = rest.iter().position(|b| *b == 0x07) else {
        return if bytes.len() > LONGEST { First::Nothing } else { First::More };
    };
    let text = String::from_utf8_lossy(&rest[..end]);
    let Some((pid, program)) = text.split_once(';').and_then(|(pid, p)| Some((pid.parse().ok()?, p))) else {
        return First::Nothing;
    };
    let program = program.rsplit('/').next().unwrap_or(program);
    First::Told { pid, program: crate::text::clean(program).into_owned(), length: tell.len() + end + 1 }
}

/// Whether an engine's words say that a program is not in the container.
pub(super) fn says_missing(words: &str) -> bool {
    let missing = ["executable file not found", "no such file or directory", "not found in $PATH", "not a directory"];
    // A working directory that is not there is said in the same words.
    missing.iter().any(|w| words.contains(w)) && !words.contains("chdir") && !words.contains("cwd")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_shell_tells_of_itself_is_read_and_the_rest_is_output() {
        let told = |length| First::Told { pid: 42, program: "bash".into(), length };
        assert_eq!(first(b"\x1b]7770;42;/bin/bash\x07root@x:/# "), told(20));
        assert_eq!(first(b"\x1b]77"), First::More);
        assert_eq!(first(b"\x1b]7770;42;ba"), First::More);
        assert_eq!(first(b""), First::More);
        assert_eq!(first(b"OCI runtime exec failed"), First::Nothing);
        assert_eq!(first(b"\x1b]7770;x;bash\x07"), First::Nothing);
        assert_eq!(first(&[b"\x1b]7770;".as_slice(), &[b'1'; 600]].concat()), First::Nothing);
    }

    #[test]
    fn the_scripts_are_scripts_to_every_shell_here() {
        for shell in ["sh", "bash", "dash"] {
            for script in [START, END] {
                let Ok(status) = std::process::Command::new(shell).args(["-n", "-c", script]).status() else {
                    continue;
                };
                assert!(status.success(), "{shell}\n{script}");
            }
        }
    }
}
