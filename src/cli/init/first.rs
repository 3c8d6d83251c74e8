//! `init`: the files with which a repository starts, from a few answers.
//!
//! Pure. What users copy from deploy/ and specs/ is the template, so that there is one of each. Texts are put into YAML quoted where they
//! need it.

use serde_json::json;

use crate::id::arm_guid;
use crate::spec::structure::published_schema;

const SPEC: &str = include_str!("../../../specs/quickstart.yaml");
const GITHUB: &str = include_str!("../../../deploy/github/workflow.yml");
const AZURE_PIPELINES: &str = include_str!("../../../deploy/azure-pipelines/azure-pipelines.yml");
const GITLAB: &str = include_str!("../../../deploy/gitlab/gitlab-ci.yml");

/// Where the schema goes: beside the settings of the editor, and not among the specs.
const SCHEMA: &str = ".vscode/keyless.schema.json";
const SETTINGS: &str = ".vscode/settings.json";

/// Lines of `.gitignore`: the state of the sandbox, and what the jobs of pipelines leave.
pub(super) const IGNORED: [&str; 2] = [".keyless/", "keyless-results/"];

/// Who runs the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Platform {
    /// GitHub Actions
    Github,
    /// Azure Pipelines
    AzurePipelines,
    /// GitLab CI
    Gitlab,
    /// No pipeline
    None,
}

impl Platform {
    /// Where its pipeline stands in a repository, and the template.
    fn pipeline(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Github => Some((".github/workflows/keyless.yml", GITHUB)),
            Self::AzurePipelines => Some(("azure-pipelines.yml", AZURE_PIPELINES)),
            Self::Gitlab => Some((".gitlab-ci.yml", GITLAB)),
            Self::None => None,
        }
    }

    /// Where its pipeline stands in a repository.
    #[must_use]
    pub(super) fn file(self) -> Option<&'static str> {
        self.pipeline().map(|(path, _)| path)
    }
}

/// For which editor there are settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Editor {
    /// Visual Studio Code with the YAML extension
    Vscode,
    /// None
    None,
}

/// What was answered.
#[derive(Debug, Clone)]
pub(super) struct Answers {
    pub(super) subscription: String,
    /// The resource group.
    pub(super) group: String,
    pub(super) stack: String,
    pub(super) host: Platform,
    pub(super) editor: Editor,
    /// Repository of keyless, and the commit of it that the pipeline uses.
    pub(super) pinned: Option<Pinned>,
}

/// A commit of the repository that holds keyless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pinned {
    /// `OWNER/NAME`, or its path on the host.
    pub(super) repository: String,
    pub(super) commit: String,
}

/// What a new account is called, where it is, and who may call its models.
#[derive(Debug, Clone, Default)]
pub(super) struct Scratch {
    /// Its name; otherwise one that follows from subscription and group.
    pub(super) account: Option<String>,
    pub(super) location: String,
    /// Object id of a user.
    pub(super) user: Option<String>,
}

/// A file to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewFile {
    /// Its path in the repository.
    pub(super) path: String,
    /// Its content.
    pub(super) text: String,
}

impl NewFile {
    fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

/// The files, the spec first.
#[must_use]
pub(super) fn files(answers: &Answers, spec: &str) -> Vec<NewFile> {
    let mut files = vec![NewFile::new(format!("specs/{}.yaml", answers.stack), spec)];
    if answers.editor == Editor::Vscode {
        let settings =
            json!({"yaml.schemas": {format!("./{SCHEMA}"): ["specs/*.yaml", "specs/*.yml", "!*.vars.yaml"]}});
        files.push(NewFile::new(SETTINGS, pretty(&settings)));
        files.push(NewFile::new(SCHEMA, pretty(&published_schema())));
    }
    if let Some((path, template)) = answers.host.pipeline() {
        files.push(NewFile::new(path, pipeline(answers, path, template)));
    }
    files
}

/// A template with the answers in it. Markers are looked for in the template alone: an answer may contain one.
fn pipeline(answers: &Answers, path: &str, template: &str) -> String {
    let group = format!("resourceGroups/{}", answers.group);
    let mut values = vec![
        ("ml-platform", scalar(&answers.stack)),
        ("resourceGroups/rg-ai", group),
        (NOWHERE, answers.subscription.clone()),
    ];
    let Some(Pinned { repository, commit }) = &answers.pinned else {
        let template = template.replacen(&format!("# Copy to {path}. "), "# ", 1);
        return filled(&template.replacen(PAGES, PAGES_THERE, 1), &values);
    };
    values.extend([
        ("ORG/keyless", repository.clone()),
        ("COMMIT", commit.clone()),
        ("refs/tags/TAG", tag(commit)),
    ]);
    let body = template.lines().skip_while(|line| line.starts_with('#'));
    let body = body.fold(String::new(), |text, line| text + line + "\n");
    PINNED.to_owned() + &filled(&body, &values)
}

/// A text with values in the place of markers, in one pass.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let (mut text, mut rest) = (String::new(), template);
    let next = |rest: &str| {
        let found = values.iter().filter_map(|(marker, value)| Some((rest.find(marker)?, *marker, value)));
        found.min_by_key(|(at, ..)| *at).map(|(at, marker, value)| (at, marker.len(), value.clone()))
    };
    while let Some((at, length, value)) = next(rest) {
        text.push_str(&rest[..at]);
        text.push_str(&value);
        rest = &rest[at + length..];
    }
    text + rest
}

/// What stands above a pipeline that names a commit already.
const PINNED: &str = "# Replace what is still in capital letters, and set up the identities: docs/bootstrap.md and docs/pipelines.md in the repository of keyless.\n";

/// How a template refers to the documentation beside it, and a copy elsewhere.
const PAGES: &str = "docs/pipelines.md says";
const PAGES_THERE: &str = "docs/pipelines.md in the repository of keyless says";

/// Azure Pipelines takes references, and no commits.
fn tag(reference: &str) -> String {
    if reference.starts_with("refs/") { reference.to_owned() } else { format!("refs/tags/{reference}") }
}

/// What stands for the subscription in templates.
const NOWHERE: &str = "00000000-0000-0000-0000-000000000000";

/// The first line of a spec, by which editors find the schema.
#[must_use]
pub(super) fn modeline(editor: Editor) -> &'static str {
    match editor {
        Editor::Vscode => "# yaml-language-server: $schema=../.vscode/keyless.schema.json\n",
        Editor::None => "",
    }
}

/// A spec of one new account: the quickstart's, with names of its own.
#[must_use]
pub(super) fn scratch(answers: &Answers, wanted: &Scratch) -> String {
    let account = wanted.account.clone().unwrap_or_else(|| account_name(answers));
    let mut text = modeline(answers.editor).to_owned();
    let mut skips = false;
    // A line for editors and an empty one stand above the rest.
    let lines = SPEC.lines().skip(if answers.editor == Editor::None { 2 } else { 1 });
    for line in lines {
        let bare = line.trim_start_matches([' ', '-']);
        let value = match bare.split(':').next().unwrap_or_default() {
            "stack" => Some(scalar(&answers.stack)),
            "subscription" => Some(answers.subscription.clone()),
            "resourceGroup" => Some(scalar(&answers.group)),
            "location" => Some(scalar(&wanted.location)),
            // That of the account: what is in it keeps its own.
            "name" if line.starts_with("  - ") => Some(scalar(&account)),
            "customSubDomainName" => Some(scalar(&account)),
            "id" => wanted.user.clone(),
            _ => None,
        };
        if bare.starts_with("roleAssignments:") && wanted.user.is_none() {
            text.push_str(NOBODY);
            skips = true;
        }
        if skips {
            continue;
        }
        text.push_str(&value.map_or_else(|| line.to_owned(), |value| with_value(line, &value)));
        text.push('\n');
    }
    text
}

/// What stands in a new spec in the place of role assignments.
const NOBODY: &str = "    roleAssignments: []                                   # nobody yet. Who may call the models, for example:
    # roleAssignments:
    #   - role: Cognitive Services User                   # on this account only, not on the whole resource group
    #     principals:
    #       - {group: ml-developers}                      # by name
    #       - {id: 66666666-7777-4888-8999-000000000000, type: User} # az ad signed-in-user show --query id
";

/// A line of YAML with another value; a comment keeps its column if there is room.
fn with_value(line: &str, value: &str) -> String {
    let Some((name, rest)) = line.split_once(": ") else { return line.to_owned() };
    let new = format!("{name}: {value}");
    match rest.find('#') {
        Some(at) => {
            let column = name.len() + 2 + at;
            format!("{new:width$}{}", &rest[at..], width = column.max(new.len() + 1))
        }
        None => new,
    }
}

/// A name that is most likely free in all of Azure, and the same for the same group.
fn account_name(answers: &Answers) -> String {
    let kept = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let base: String = answers.stack.chars().map(kept).take(40).collect();
    let base = base.trim_matches('-');
    let guid =
        arm_guid(&[answers.subscription.to_ascii_lowercase(), answers.group.to_ascii_lowercase()]).simple();
    let digits: String = guid.to_string().chars().take(6).collect();
    format!("{}-{digits}", if base.is_empty() { "ai" } else { base })
}

/// A text as a value in YAML: quoted unless it can be nothing but text.
fn scalar(text: &str) -> String {
    let words = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let is_plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || b"-_.".contains(&c))
        && !words.contains(&text.to_ascii_lowercase().as_str());
    if is_plain { text.to_owned() } else { json!(text).to_string() }
}

/// What `.gitignore` holds afterwards; nothing if it has all lines already.
#[must_use]
pub(super) fn ignoring(before: &str) -> Option<String> {
    let has = |line: &str| before.lines().any(|each| each.trim().trim_start_matches('/') == line);
    let new: Vec<&str> = IGNORED.into_iter().filter(|line| !has(line)).collect();
    if new.is_empty() {
        return None;
    }
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    Some(format!("{before}{end}{}\n", new.join("\n")))
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_yaml_would_take_for_something_else_are_quoted() {
        for (text, written) in [
            ("rg-ai", "rg-ai"),
            ("true", "\"true\""),
            ("NO", "\"NO\""),
            ("1e3", "\"1e3\""),
            ("_rg", "\"_rg\""),
            ("rg(x)", "\"rg(x)\""),
            ("größe", "\"größe\""),
        ] {
            assert_eq!(scalar(text), written);
        }
    }

    #[test]
    fn lines_are_added_once_and_nothing_is_taken_away() {
        assert_eq!(ignoring("").as_deref(), Some(".keyless/\nkeyless-results/\n"));
        assert_eq!(ignoring("/target").as_deref(), Some("/target\n.keyless/\nkeyless-results/\n"));
        assert_eq!(ignoring("a\n/.keyless/\n").as_deref(), Some("a\n/.keyless/\nkeyless-results/\n"));
        assert_eq!(ignoring("keyless-results/\n.keyless/\n"), None);
    }

    #[test]
    fn a_comment_stays_where_it_was_if_there_is_room() {
        assert_eq!(with_value("stack: quick   # owner", "ml"), "stack: ml      # owner");
        assert_eq!(with_value("stack: q # owner", "longer"), "stack: longer # owner");
        assert_eq!(with_value("  - name: a", "b"), "  - name: b");
    }
}
