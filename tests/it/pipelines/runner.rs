//! Runs workflows of GitHub Actions as a runner does: jobs in their order, composite actions step by step, artifacts in a folder.
//!
//! Only what deploy/github uses is known; anything else fails a test. keyless is put on the path instead of being built, and
//! `actions/checkout` copies the commit of the event.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Map, Value, json};

use super::expression::{evaluate, filled, is_true, worded};
use super::host::{Host, identity_url, token};
use crate::common::Folder;

/// A repository on a host.
pub(crate) struct Repository<'a> {
    pub(crate) host: &'a Host,
    pub(crate) name: &'static str,
    /// Environment of every job: how the cloud is reached.
    pub(crate) world: Vec<(String, String)>,
    pub(crate) vars: Value,
    /// Files of the commit: (name, text).
    pub(crate) files: Vec<(String, String)>,
    /// Arguments that every `arguments` input gets.
    pub(crate) arguments: &'static str,
    /// Whether only `main` may use an environment, as docs/bootstrap.md says.
    pub(crate) protects: bool,
    /// Whether `setup` does anything; keyless is on the path anyway.
    pub(crate) sets_up: bool,
}

pub(crate) struct Event {
    pub(crate) name: &'static str,
    pub(crate) reference: &'static str,
    pub(crate) sha: &'static str,
    pub(crate) payload: Value,
    pub(crate) inputs: Value,
    pub(crate) actor: &'static str,
}

impl Event {
    pub(crate) fn pull_request(sha: &'static str, from: &str) -> Self {
        let head = json!({"sha": sha, "repo": {"full_name": from}});
        Self {
            name: "pull_request",
            reference: "refs/pull/5/merge",
            payload: json!({"pull_request": {"number": 5, "head": head}}),
            ..Self::push(sha)
        }
    }

    pub(crate) fn push(sha: &'static str) -> Self {
        Self {
            name: "push",
            reference: "refs/heads/main",
            sha,
            payload: json!({}),
            inputs: json!({}),
            actor: "alice",
        }
    }

    pub(crate) fn schedule(sha: &'static str) -> Self {
        Self { name: "schedule", ..Self::push(sha) }
    }
}

/// What became of a job.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) name: String,
    /// `success`, `failure` or `skipped`.
    pub(crate) result: &'static str,
    pub(crate) log: String,
    pub(crate) summary: String,
    outputs: Map<String, Value>,
}

/// A run of a workflow, which may wait for an approval between two jobs.
pub(crate) struct Run<'a> {
    repository: &'a Repository<'a>,
    event: Event,
    workflow: Value,
    artifacts: tempfile::TempDir,
    pub(crate) jobs: Vec<Job>,
}

pub(crate) fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The search path of a job: the binary under test, and what the machine has.
pub(crate) fn search_path() -> String {
    let binary = Path::new(env!("CARGO_BIN_EXE_keyless")).parent().unwrap();
    format!("{}:{}", binary.display(), std::env::var("PATH").unwrap_or_default())
}

impl<'a> Run<'a> {
    pub(crate) fn of(repository: &'a Repository<'a>, workflow: &str, event: Event) -> Self {
        let artifacts = tempfile::tempdir().unwrap();
        repository.host.with(|kept| event.sha.clone_into(&mut kept.head));
        Self { repository, event, workflow: yaml(workflow), artifacts, jobs: Vec::new() }
    }

    /// Runs the jobs that are left, up to one that needs an approval; true once none is left.
    pub(crate) fn goes_on(&mut self, approved: bool) -> bool {
        let jobs = self.workflow["jobs"].as_object().unwrap().clone();
        while self.jobs.len() < jobs.len() {
            let has_run = |name: &str| self.jobs.iter().any(|job| job.name == name);
            let next =
                jobs.iter().find(|(name, job)| !has_run(name) && needs(job).iter().all(|name| has_run(name)));
            let (name, job) = next.expect("no circle of jobs");
            let wanted = self.is_wanted(job);
            if wanted && !approved && !job["environment"].is_null() {
                return false;
            }
            let done = if wanted {
                self.run(name, job)
            } else {
                Job { name: name.clone(), result: "skipped", ..Job::default() }
            };
            self.jobs.push(done);
        }
        true
    }

    /// Everything, approvals given.
    pub(crate) fn whole(mut self) -> Self {
        assert!(self.goes_on(true));
        self
    }

    #[track_caller]
    pub(crate) fn job(&self, name: &str) -> &Job {
        self.jobs.iter().find(|job| job.name == name).unwrap_or_else(|| panic!("no job `{name}` ran"))
    }

    /// `name: result` of the jobs that were not skipped.
    pub(crate) fn results(&self) -> Vec<String> {
        let ran = self.jobs.iter().filter(|job| job.result != "skipped");
        ran.map(|job| format!("{}: {}", job.name, job.result)).collect()
    }

    pub(crate) fn artifact(&self, name: &str) -> PathBuf {
        self.artifacts.path().join(name)
    }

    fn is_wanted(&self, job: &Value) -> bool {
        let well = needs(job).iter().all(|name| self.job(name).result == "success");
        let Some(condition) = job["if"].as_str() else { return well };
        let functions = json!({"always": true, "cancelled": false, "success": well});
        let ignores = ["always()", "cancelled()"].iter().any(|function| condition.contains(function));
        (well || ignores) && is_true(&evaluate(&bare(condition), &self.context(functions)))
    }

    fn context(&self, functions: Value) -> Value {
        let mut needs = json!({});
        for job in &self.jobs {
            needs[&job.name] = json!({"result": job.result, "outputs": job.outputs});
        }
        let Event { name, reference, sha, payload, inputs, actor } = &self.event;
        let mut context = json!({
            "github": {
                "event_name": name, "event": payload, "ref": reference, "sha": sha, "actor": actor,
                "repository": self.repository.name, "run_id": "77",
                "ref_name": reference.rsplit('/').next(),
            },
            "inputs": inputs, "vars": self.repository.vars, "needs": needs, "functions": null,
            "secrets": self.repository.vars["secrets"],
        });
        context["functions"] = functions;
        context
    }

    fn run(&self, name: &str, job: &Value) -> Job {
        let permissions =
            if job["permissions"].is_null() { &self.workflow["permissions"] } else { &job["permissions"] };
        let environment = job["environment"].as_str();
        if self.repository.protects
            && self.event.reference != "refs/heads/main"
            && let Some(environment) = environment
        {
            let log = format!("{} is not allowed to deploy to {environment}", self.event.reference);
            return Job { name: name.to_owned(), result: "failure", log, ..Job::default() };
        }
        let workspace = Folder::new();
        let temp = tempfile::tempdir().unwrap();
        let event = temp.path().join("event.json");
        std::fs::write(&event, self.event.payload.to_string()).unwrap();
        let mut done = Job { name: name.to_owned(), result: "success", ..Job::default() };
        let mut context = self.context(json!({"always": true, "cancelled": false, "success": true}));
        context["runner"] = json!({"temp": temp.path()});
        context["github"]["token"] = json!(token(permissions));
        let repository = self.repository.name;
        let mut variables = self.repository.world.clone();
        let own = [
            ("GITHUB_ACTIONS", "true".to_owned()),
            ("GITHUB_API_URL", self.repository.host.url.clone()),
            ("GITHUB_GRAPHQL_URL", format!("{}/graphql", self.repository.host.url)),
            ("GITHUB_SERVER_URL", "https://github.test".to_owned()),
            ("GITHUB_REPOSITORY", repository.to_owned()),
            ("GITHUB_RUN_ID", "77".to_owned()),
            ("GITHUB_SHA", self.event.sha.to_owned()),
            ("GITHUB_REF_NAME", worded(&context["github"]["ref_name"])),
            ("GITHUB_REF_TYPE", "branch".to_owned()),
            ("GITHUB_EVENT_NAME", self.event.name.to_owned()),
            ("GITHUB_EVENT_PATH", event.display().to_string()),
            ("RUNNER_TEMP", temp.path().display().to_string()),
            ("RUNNER_OS", "Linux".to_owned()),
            ("RUNNER_ARCH", "X64".to_owned()),
        ];
        variables.extend(own.map(|(name, value)| (name.to_owned(), value)));
        if permissions["id-token"] == "write" {
            let subject = match (environment, self.event.name) {
                (Some(environment), _) => format!("repo:{repository}:environment:{environment}"),
                (None, "pull_request") => format!("repo:{repository}:pull_request"),
                (None, _) => format!("repo:{repository}:ref:{}", self.event.reference),
            };
            let url = identity_url(self.repository.host, &subject);
            variables.push(("ACTIONS_ID_TOKEN_REQUEST_URL".to_owned(), url));
            variables.push(("ACTIONS_ID_TOKEN_REQUEST_TOKEN".to_owned(), "the-job's-own".to_owned()));
        }
        let place = Place { run: self, workspace: &workspace, temp: temp.path(), variables: &variables };
        place.steps(&job["steps"], &mut context, None, &mut done);
        for (output, text) in job["outputs"].as_object().into_iter().flatten() {
            done.outputs.insert(output.clone(), json!(filled(text.as_str().unwrap(), &context)));
        }
        done
    }
}

/// Where the steps of a job run.
struct Place<'a> {
    run: &'a Run<'a>,
    workspace: &'a Folder,
    temp: &'a Path,
    variables: &'a [(String, String)],
}

impl Place<'_> {
    fn steps(&self, steps: &Value, context: &mut Value, action: Option<&Path>, job: &mut Job) {
        let mut failed = false;
        context["steps"] = json!({});
        for step in steps.as_array().unwrap() {
            context["functions"]["success"] = json!(!failed);
            let condition = step["if"].as_str().unwrap_or("success()");
            let ignores = condition.contains("always()");
            if (failed && !ignores) || !is_true(&evaluate(&bare(condition), context)) {
                continue;
            }
            let outputs = self.step(step, context, action, job);
            match outputs {
                Some(outputs) => {
                    if let Some(id) = step["id"].as_str() {
                        context["steps"][id] = json!({"outputs": outputs});
                    }
                }
                None => failed = true,
            }
            // What failed has outputs too.
            if let Some(id) = step["id"].as_str()
                && context["steps"][id].is_null()
            {
                context["steps"][id] = json!({"outputs": job.outputs});
            }
        }
        if failed {
            job.result = "failure";
        }
    }

    /// One step; its outputs, or nothing if it failed.
    fn step(
        &self,
        step: &Value,
        context: &Value,
        action: Option<&Path>,
        job: &mut Job,
    ) -> Option<Map<String, Value>> {
        let Some(uses) = step["uses"].as_str() else { return self.script(step, context, action, job) };
        let mut with = Map::new();
        for (name, value) in step["with"].as_object().into_iter().flatten() {
            with.insert(name.clone(), json!(filled(&worded(value), context)));
        }
        let text = |name: &str| with.get(name).map(worded).unwrap_or_default();
        let artifacts = self.run.artifacts.path();
        match uses.split('@').next().unwrap() {
            "actions/checkout" => {
                for (name, text) in &self.run.repository.files {
                    self.workspace.write(name, text);
                }
            }
            "actions/upload-artifact" => {
                let target = artifacts.join(text("name"));
                let _ = std::fs::remove_dir_all(&target);
                copy(Path::new(&text("path")), &target);
            }
            "actions/download-artifact" if with.contains_key("pattern") => {
                let start = text("pattern").trim_end_matches('*').to_owned();
                let found = std::fs::read_dir(artifacts).unwrap().map(|entry| entry.unwrap());
                let fits: Vec<_> =
                    found.filter(|entry| entry.file_name().to_string_lossy().starts_with(&start)).collect();
                for entry in &fits {
                    // One artifact goes into the folder itself.
                    let folder = PathBuf::from(text("path"));
                    copy(
                        &entry.path(),
                        &if fits.len() == 1 { folder } else { folder.join(entry.file_name()) },
                    );
                }
            }
            "actions/download-artifact" => {
                let source = artifacts.join(text("name"));
                if !source.is_dir() {
                    job.log += "no such artifact\n";
                    return None;
                }
                copy(&source, Path::new(&text("path")));
            }
            "ORG/keyless/deploy/github/setup" if !self.run.repository.sets_up => {}
            // It keeps nothing yet.
            "actions/cache" => {}
            own => {
                let folder =
                    own.strip_prefix("ORG/keyless/").unwrap_or_else(|| panic!("`{own}` is not known here"));
                return self.composite(&home().join(folder), &with, context, job);
            }
        }
        Some(Map::new())
    }

    fn composite(
        &self,
        folder: &Path,
        with: &Map<String, Value>,
        context: &Value,
        job: &mut Job,
    ) -> Option<Map<String, Value>> {
        let action = yaml(&std::fs::read_to_string(folder.join("action.yml")).unwrap());
        let mut inputs = Map::new();
        for (name, input) in action["inputs"].as_object().into_iter().flatten() {
            let value = with.get(name).cloned().unwrap_or_else(|| {
                assert!(input["required"] != true, "`{name}` of {} is given", folder.display());
                json!(filled(&worded(&input["default"]), context))
            });
            inputs.insert(name.clone(), value);
        }
        for name in with.keys() {
            assert!(inputs.contains_key(name), "{} has no input `{name}`", folder.display());
        }
        if inputs.contains_key("arguments") && !self.run.repository.arguments.is_empty() {
            inputs.insert("arguments".to_owned(), json!(self.run.repository.arguments));
        }
        let mut inner = context.clone();
        inner["inputs"] = Value::Object(inputs);
        let mut its = Job { result: "success", ..Job::default() };
        self.steps(&action["runs"]["steps"], &mut inner, Some(folder), &mut its);
        job.log += &its.log;
        job.summary += &its.summary;
        job.outputs.clear();
        for (name, output) in action["outputs"].as_object().into_iter().flatten() {
            let value = filled(output["value"].as_str().unwrap(), &inner);
            job.outputs.insert(name.clone(), json!(value));
        }
        (its.result == "success").then(|| job.outputs.clone())
    }

    fn script(
        &self,
        step: &Value,
        context: &Value,
        action: Option<&Path>,
        job: &mut Job,
    ) -> Option<Map<String, Value>> {
        let script = step["run"].as_str().expect("a step uses or runs something");
        assert!(!script.contains("${{"), "what comes from outside reaches a script as a variable: {script}");
        assert!(action.is_none() || step["shell"] == "bash");
        let [file, output, summary] = ["script", "output", "summary"].map(|name| self.temp.join(name));
        std::fs::write(&file, script).unwrap();
        std::fs::write(&output, "").unwrap();
        std::fs::write(&summary, "").unwrap();
        // Folders that earlier steps put onto the search path, the last one first.
        let paths = self.temp.join("paths");
        let added = std::fs::read_to_string(&paths).unwrap_or_default();
        let path = added.lines().fold(search_path(), |path, folder| format!("{folder}:{path}"));
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail"]).arg(&file);
        command.env_clear().envs(self.variables.iter().cloned()).current_dir(self.workspace.path());
        command.env("PATH", path).env("GITHUB_PATH", &paths);
        command.env("GITHUB_OUTPUT", &output).env("GITHUB_STEP_SUMMARY", &summary).stdin(Stdio::null());
        if let Some(action) = action {
            command.env("GITHUB_ACTION_PATH", action);
        }
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, filled(&worded(value), context));
        }
        let ran = command.output().unwrap();
        job.log += &String::from_utf8(ran.stdout).unwrap();
        job.log += &String::from_utf8(ran.stderr).unwrap();
        job.summary += &std::fs::read_to_string(&summary).unwrap();
        let mut outputs = Map::new();
        for line in std::fs::read_to_string(&output).unwrap().lines() {
            let (name, value) = line.split_once('=').expect("an output is NAME=VALUE");
            outputs.insert(name.to_owned(), json!(value));
        }
        job.outputs.clone_from(&outputs);
        ran.status.success().then_some(outputs)
    }
}

/// The jobs that one waits for.
fn needs(job: &Value) -> Vec<&str> {
    let needs = &job["needs"];
    let listed = needs.as_array().into_iter().flatten().filter_map(Value::as_str);
    needs.as_str().into_iter().chain(listed).collect()
}

/// A condition without the braces that it may have.
fn bare(condition: &str) -> String {
    condition.trim().trim_start_matches("${{").trim_end_matches("}}").to_owned()
}

fn copy(from: &Path, to: &Path) {
    if !from.is_dir() {
        return;
    }
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
