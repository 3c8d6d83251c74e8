//! The developer tools: looked for on PATH, and run.

use std::ffi::{OsStr, OsString};
use std::io;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use azure_identity::Executor;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Child;
use tokio::time::timeout;

use super::Environment;
use crate::text::scrub;

/// Whether a tool is on PATH.
pub(super) fn is_on_path(tool: &str, environment: &Environment) -> bool {
    let Some(path) = environment.get("PATH") else { return false };
    let names: &[String] =
        if cfg!(windows) { &[format!("{tool}.cmd"), format!("{tool}.exe")] } else { &[tool.to_owned()] };
    std::env::split_paths(path).any(|folder| names.iter().any(|name| folder.join(name).is_file()))
}

/// Makes the tokens known that stand in what a tool prints, whatever it says about them: a failure is told in its words.
fn learn_tokens(printed: &[u8]) {
    /// So many, and none longer: what a tool prints is bounded too, but the search for many long secrets is not quick.
    const TOKENS: usize = 16;
    const LONGEST: usize = 64 << 10;
    let text = String::from_utf8_lossy(printed);
    jwts(&text).filter(|token| token.len() <= LONGEST).take(TOKENS).for_each(scrub::learn);
}

/// What looks like a token of Entra ID: two or three parts in base64, of which the first says that it is JSON.
fn jwts(text: &str) -> impl Iterator<Item = &str> {
    /// Shortest part that is no file name.
    const PART: usize = 8;
    let inside = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    text.split(move |c| !inside(c)).filter_map(|word| {
        let token = &word[word.find("eyJ")?..];
        let token = token.trim_end_matches('.');
        let mut parts = token.split('.');
        let long = parts.by_ref().take(2).filter(|part| part.len() >= PART).count();
        (long == 2).then_some(token)
    })
}

/// Makes the token known that a tool prints: `accessToken` of `az`, `token` of `azd`.
fn learn_token(printed: &[u8]) {
    let Ok(printed) = serde_json::from_slice::<Value>(printed) else { return };
    let tokens = ["accessToken", "token"].iter().filter_map(|name| printed[name].as_str());
    tokens.for_each(scrub::learn);
}

/// Runs a tool without a terminal, and ends it when nobody waits for it any more.
#[derive(Debug)]
pub(super) struct Shell {
    pub path: Option<OsString>,
}

#[async_trait::async_trait]
impl Executor for Shell {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let mut command = tokio::process::Command::new(program);
        command.args(args).stdin(Stdio::null()).kill_on_drop(true);
        if let Some(path) = &self.path {
            command.env("PATH", path);
        }
        // A group of its own, so that it can be ended with all that it has started.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // Whatever goes wrong, the tool ends with these two.
        let mut group = Group::of(&child);
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = listen(&mut child, &mut group, &name(program, args), &mut stdout, &mut stderr).await?;
        learn_token(&stdout);
        learn_tokens(&stdout);
        learn_tokens(&stderr);
        Ok(Output { status, stdout, stderr })
    }
}

/// How long something that a tool has started may hold its streams after its own end.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// Takes what a tool prints, to its end. What it leaves behind may hold its streams for as long as it likes: all that the tool itself
/// printed is there once it has ended.
async fn listen(
    child: &mut Child,
    group: &mut Group,
    tool: &str,
    stdout: &mut Vec<u8>,
    stderr: &mut Vec<u8>,
) -> io::Result<ExitStatus> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let reading = async { tokio::try_join!(printed(tool, out, stdout), printed(tool, err, stderr)) };
    tokio::pin!(reading);
    let status = tokio::select! {
        biased;
        read = &mut reading => {
            read?;
            let status = child.wait().await?;
            group.leave();
            return Ok(status);
        }
        status = child.wait() => status?,
    };
    if let Ok(read) = timeout(AFTERWARDS, &mut reading).await {
        read?;
        group.leave();
        return Ok(status);
    }
    group.end();
    // What has left the group too is not waited for.
    if let Ok(read) = timeout(AFTERWARDS, &mut reading).await {
        read?;
    }
    Ok(status)
}

/// A tool and what it has started. Ends with the value, unless it is left to itself.
struct Group(Option<u32>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// What holds no stream of the tool any more may go on: `az` sends its telemetry so.
    fn leave(&mut self) {
        self.0 = None;
    }

    fn end(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0.take().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)) {
            // None of it may be there any more, and nothing else can be done about another failure.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

/// What people call a tool that a shell runs: the first word of what the shell is told.
fn name(program: &OsStr, args: &[&OsStr]) -> String {
    let told = args.last().and_then(|last| last.to_str()).unwrap_or_default();
    let tool = told.split_whitespace().find(|word| TOOLS.contains(word));
    tool.map_or_else(|| program.to_string_lossy().into_owned(), str::to_owned)
}

const TOOLS: [&str; 2] = ["az", "azd"];

/// No token is longer, nor any complaint.
const LONGEST: u64 = 1024 * 1024;

/// What a tool prints on one of its streams.
async fn printed(tool: &str, stream: Option<impl AsyncRead + Unpin>, bytes: &mut Vec<u8>) -> io::Result<()> {
    if let Some(stream) = stream {
        stream.take(LONGEST + 1).read_to_end(bytes).await?;
    }
    if bytes.len() as u64 > LONGEST {
        return Err(io::Error::other(format!("`{tool}` printed over {} MiB", LONGEST >> 20)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_token_is_found_in_what_a_tool_says() {
        let token = "eyJhbGciOiJub25lIn0.eyJvaWQiOiJhIHRva2VuIn0.c2lnbmF0dXJl";
        for text in [
            format!("ERROR: the token {token} has expired."),
            format!("Authorization: Bearer {token}\r\nnext"),
            format!("{{\"token\":\"{token}\"}}"),
            format!("x={token}"),
        ] {
            assert_eq!(jwts(&text).collect::<Vec<_>>(), [token], "{text}");
        }
        let unsigned = token.rsplit_once('.').map_or(token, |(unsigned, _)| unsigned);
        assert_eq!(jwts(&format!("({unsigned}.)")).collect::<Vec<_>>(), [unsigned]);
        assert_eq!(jwts("eyJ.file.yaml and eyJhbGciOiJub25lIn0 and keyJust.a.b").count(), 0);
    }
}
