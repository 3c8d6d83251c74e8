//! Finds the developer tools on PATH and runs them.

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

/// Registers tokens in a tool's output, whatever it says about them: its error messages are shown.
fn learn_tokens(printed: &[u8]) {
    /// The maximum number of tokens: searching for many long secrets is slow.
    const TOKENS: usize = 16;
    const LONGEST: usize = 64 << 10;
    let text = String::from_utf8_lossy(printed);
    jwts(&text).filter(|token| token.len() <= LONGEST).take(TOKENS).for_each(scrub::learn);
}

/// Texts that look like a token of Entra ID: two or three base64 parts, the first of which starts like JSON.
fn jwts(text: &str) -> impl Iterator<Item = &str> {
    /// The shortest part that is not a file name.
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

/// Registers the token that a tool prints: `accessToken` of `az`, `token` of `azd`.
fn learn_token(printed: &[u8]) {
    let Ok(printed) = serde_json::from_slice::<Value>(printed) else { return };
    let tokens = ["accessToken", "token"].iter().filter_map(|name| printed[name].as_str());
    tokens.for_each(scrub::learn);
}

/// Runs a tool without a terminal, and kills it when its result is no longer needed.
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
        // A process group, so that all its processes can be killed.
        #[cfg(unix)]
        command.process_group(0);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        // Whatever fails, the tool is killed when these two are dropped.
        let mut group = ProcessGroup::of(&child);
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let status = listen(&mut child, &mut group, &name(program, args), &mut stdout, &mut stderr).await?;
        learn_token(&stdout);
        learn_tokens(&stdout);
        learn_tokens(&stderr);
        Ok(Output { status, stdout, stderr })
    }
}

/// How long the output streams of a tool may stay open after it exits.
const AFTERWARDS: Duration = Duration::from_millis(500);

/// Reads a tool's output to its end. Processes that it leaves behind may keep its streams open, but its own output is complete once it has
/// exited.
async fn listen(
    child: &mut Child,
    group: &mut ProcessGroup,
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
    // Processes that left the group are not waited for.
    if let Ok(read) = timeout(AFTERWARDS, &mut reading).await {
        read?;
    }
    Ok(status)
}

/// A tool and the processes that it started. Kills them when dropped, unless released.
struct ProcessGroup(Option<u32>);

impl ProcessGroup {
    fn of(child: &Child) -> Self {
        Self(child.id())
    }

    /// Processes that no longer hold a stream of the tool may continue: `az` sends telemetry like that.
    fn leave(&mut self) {
        self.0 = None;
    }

    fn end(&mut self) {
        #[cfg(unix)]
        if let Some(id) = self.0.take().and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?)) {
            // They may have exited already, and other failures cannot be handled.
            let _ = rustix::process::kill_process_group(id, rustix::process::Signal::KILL);
        }
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.end();
    }
}

/// The name of a tool that is run by a shell: the first word of the command.
fn name(program: &OsStr, args: &[&OsStr]) -> String {
    let told = args.last().and_then(|last| last.to_str()).unwrap_or_default();
    let tool = told.split_whitespace().find(|word| TOOLS.contains(word));
    tool.map_or_else(|| program.to_string_lossy().into_owned(), str::to_owned)
}

const TOOLS: [&str; 2] = ["az", "azd"];

/// No token or message is longer.
const LONGEST: u64 = 1024 * 1024;

/// Reads a tool's output from one of its streams.
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
