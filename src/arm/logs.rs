//! Queries of Azure Monitor's logs: a POST that changes nothing, whose answer may have an error beside its result.

use serde_json::Value;

use super::client::Client;
use super::error::Error;
use super::exchange::Method;
use super::target::CallTarget;

impl Client {
    /// Queries logs; counts as a read. The answer is returned as it is, also if it says that it is partial, and is asked to name the
    /// workspaces that it leaves out.
    pub async fn query_logs(&self, path: &str, body: &Value) -> Result<Value, Error> {
        let mut answer = Value::Null;
        let mut read = |bytes: &[u8]| {
            answer =
                serde_json::from_slice(bytes).map_err(|error| format!("the body is not JSON ({error})"))?;
            Ok(())
        };
        self.run(Method::Ask, &CallTarget::Own(path), Some(body), Some(&mut read)).await?;
        Ok(answer)
    }
}
