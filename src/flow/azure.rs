//! Azure as one run reaches it: who asks, through which clients, and what a signal does to that (IO).

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::Offset;

use super::Halt;
use crate::apply::Progress;
use crate::arm::{Client, Interrupt};
use crate::auth::{Claims, Credential};
use crate::document::{Requests, Target};
use crate::drift::{Answer, LogQuery};
use crate::read;
use crate::snapshot::{Caller, Query, Snapshot};

/// How long `drift` waits for the activity log: Azure may ask to come back much later.
const PATIENCE: Duration = Duration::from_mins(1);

/// What is still to be asked, given what is known.
pub(crate) type Wanted<'a> = dyn Fn(&Snapshot) -> Vec<Query> + Sync + 'a;

/// A connection, and what goes with it.
pub(crate) struct Azure {
    /// Asks Azure Resource Manager, and writes there.
    pub client: Client,
    /// Asks Microsoft Graph.
    pub graph: Client,
    pub credential: Credential,
    /// Ends waits on Ctrl-C.
    pub interrupt: Interrupt,
    /// Where requests go.
    pub target: Target,
    /// Whether a person sits at the terminal.
    pub interactive: bool,
    /// Is told what goes on.
    pub progress: Arc<dyn Progress>,
}

impl Azure {
    /// Who the caller is, as its token says. Fails where no token can be had, before anything else is asked.
    pub(crate) async fn caller(&self) -> Result<Claims, Halt> {
        let token = tokio::select! {
            biased;
            () = self.interrupt.triggered() => return Err(Halt::Interrupted("while signing in")),
            token = self.credential.token(self.client.endpoint().scope()) => token,
        };
        token.map(|token| Claims::of(&token)).map_err(Halt::NotSignedIn)
    }

    /// Reads what is wanted, and says who asked.
    pub(crate) async fn read(&self, wanted: &Wanted<'_>) -> Result<(Snapshot, Claims), Halt> {
        let claims = self.caller().await?;
        let mut snapshot = Snapshot::default();
        snapshot.caller =
            Caller { id: claims.oid, application: claims.is_application(), interactive: self.interactive };
        snapshot.now = Some(Timestamp::now());
        self.ask_more(wanted, &mut snapshot).await?;
        snapshot.today = Some(Offset::UTC.to_datetime(Timestamp::now()).date());
        Ok((snapshot, claims))
    }

    /// Reads what is wanted beyond what a snapshot knows.
    pub(super) async fn ask_more(&self, wanted: &Wanted<'_>, snapshot: &mut Snapshot) -> Result<(), Halt> {
        self.ask("reading Azure", wanted, snapshot).await
    }

    /// The same, called something else: it fails after a signal, since what was read then is not all there is.
    pub(super) async fn ask(
        &self,
        what: &str,
        wanted: &Wanted<'_>,
        snapshot: &mut Snapshot,
    ) -> Result<(), Halt> {
        self.progress.begins(what);
        read::ask_until_known(wanted, &self.client, &self.graph, snapshot).await;
        self.progress.rests();
        self.unless_interrupted()
    }

    pub(crate) fn unless_interrupted(&self) -> Result<(), Halt> {
        if self.interrupt.is_triggered() { Err(Halt::Interrupted("while reading")) } else { Ok(()) }
    }

    /// Asks the activity log. What could not be read of it is an answer too.
    pub(super) async fn ask_log(&self, queries: Vec<LogQuery>) -> Vec<(LogQuery, Answer)> {
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
