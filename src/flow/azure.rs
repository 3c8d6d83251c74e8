//! The connection to Azure for one run: the caller, the clients, and interrupts (IO).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Halt;
use crate::apply::Progress;
use crate::arm::auth::{Claims, Credential};
use crate::arm::{Client, Interrupt};
use crate::document::{Requests, Target};
use crate::drift::{LogAnswer, LogQuery};
use crate::read;
use crate::snapshot::{Caller, Query, Snapshot};

/// How long `drift` waits for the activity log; Azure may ask to retry much later.
const PATIENCE: Duration = Duration::from_mins(1);

/// The queries still open, given a snapshot.
pub(crate) type OpenQueries<'a> = dyn Fn(&Snapshot) -> Vec<Query> + Sync + 'a;

/// A connection with its settings.
pub(crate) struct Azure {
    /// For Azure Resource Manager: reads and writes.
    pub client: Client,
    /// For Microsoft Graph.
    pub graph: Client,
    pub credential: Credential,
    /// Ends waits on Ctrl-C.
    pub interrupt: Interrupt,
    /// Where requests go.
    pub target: Target,
    /// Whether a person is at the terminal.
    pub interactive: bool,
    /// Receives progress.
    pub progress: Arc<dyn Progress>,
    /// Of queries of logs.
    pub pace: read::Pace,
}

impl Azure {
    /// The caller according to its token. Fails before any other request if no token can be obtained.
    pub(crate) async fn caller(&self) -> Result<Claims, Halt> {
        let token = tokio::select! {
            biased;
            () = self.interrupt.triggered() => return Err(Halt::Interrupted("while signing in")),
            token = self.credential.token(self.client.endpoint().scope()) => token,
        };
        token.map(|token| Claims::of(&token)).map_err(Halt::NotSignedIn)
    }

    /// Reads what is wanted, and returns the caller too.
    pub(crate) async fn read(&self, wanted: &OpenQueries<'_>) -> Result<(Snapshot, Claims), Halt> {
        let claims = self.caller().await?;
        let mut snapshot = Snapshot::default();
        snapshot.caller = Caller {
            id: claims.oid,
            tenant: claims.tid,
            application: claims.is_application(),
            interactive: self.interactive,
        };
        snapshot.now = Some(Timestamp::now());
        self.ask_more(wanted, &mut snapshot).await?;
        snapshot.today = Some(Offset::UTC.to_datetime(Timestamp::now()).date());
        Ok((snapshot, claims))
    }

    /// Reads what is wanted and not in the snapshot yet.
    pub(super) async fn ask_more(
        &self,
        wanted: &OpenQueries<'_>,
        snapshot: &mut Snapshot,
    ) -> Result<(), Halt> {
        self.ask("reading Azure", wanted, snapshot).await
    }

    /// The same with another progress title. Fails after a signal, since the snapshot is then incomplete.
    pub(super) async fn ask(
        &self,
        what: &str,
        wanted: &OpenQueries<'_>,
        snapshot: &mut Snapshot,
    ) -> Result<(), Halt> {
        self.progress.begins(what);
        read::ask_until_known(wanted, &self.client, &self.graph, &self.pace, snapshot).await;
        snapshot.older_version = self.client.older_version();
        snapshot.older_regions = self.client.older_regions();
        self.progress.rests();
        self.unless_interrupted()
    }

    pub(crate) fn unless_interrupted(&self) -> Result<(), Halt> {
        if self.interrupt.is_triggered() { Err(Halt::Interrupted("while reading")) } else { Ok(()) }
    }

    /// Queries the activity log. A failure to read it is an answer too.
    pub(super) async fn ask_log(&self, queries: Vec<LogQuery>) -> Vec<(LogQuery, LogAnswer)> {
        if !queries.is_empty() {
            self.progress.begins("reading the activity log");
        }
        let answers = read::ask_log(queries, &self.client, PATIENCE).await;
        self.progress.rests();
        answers
    }

    pub(crate) fn requests(&self) -> Requests {
        let counts = self.client.requests();
        Requests { reads: counts.reads, writes: counts.writes }
    }
}
