//! What the log of a world answers.

use super::*;

impl UsageWorld {
    pub(super) fn logged(&self) -> Answer {
        let refusal = |hint: &str| Refusal { message: "403".to_owned(), hint: Some(hint.to_owned()) };
        match self.log {
            QueryAnswer::NoTable => return Answer::Absent { code: "SEM0100".to_owned() },
            QueryAnswer::Denied => return Answer::Denied(refusal("")),
            QueryAnswer::Private => {
                return Answer::Denied(refusal("the workspace refuses queries from public networks"));
            }
            QueryAnswer::Broken => {
                return Answer::found([json!({"tables": [{"columns": [], "rows": [[]]}]})]);
            }
            _ => {}
        }
        let account = self.subject("a").id.as_str().to_lowercase();
        let last = self.period().last();
        let columns = [
            "Account",
            "Day",
            "Operation",
            "How",
            "Refused",
            "Calls",
            "WithoutField",
            "AtBegin",
            "AtEnd",
            "First",
            "Last",
            "Deployments",
            "Addresses",
            "Callers",
        ];
        let mut rows = Vec::new();
        let mut left = self.cap.map_or(0, |(_, calls)| calls);
        for each in self.traffic.iter().filter(|each| self.arrives(each.ago)) {
            let mut calls = each.calls;
            if each.who == TrafficCaller::KeyUnlogged {
                continue;
            }
            if self.cap.is_some_and(|(ago, _)| ago == each.ago) {
                calls = calls.min(left);
                left -= calls;
            }
            if calls == 0
                || matches!(each.who, TrafficCaller::KeyNotYet | TrafficCaller::KeyUnlogged)
                || (matches!(self.log, QueryAnswer::Hidden | QueryAnswer::Partial) && each.who.is_key())
            {
                continue;
            }
            let (how, callers, without) = match each.who {
                TrafficCaller::Key => ("key", json!([]), 0),
                TrafficCaller::KeySilent | TrafficCaller::TokenSilent => ("key", json!([]), calls),
                TrafficCaller::KeyUnclear | TrafficCaller::KeyUnlogged | TrafficCaller::KeyNotYet => {
                    ("unclear", json!([]), 0)
                }
                TrafficCaller::Token(id) | TrafficCaller::TokenRefused(id) => ("token", json!([id]), 0),
                TrafficCaller::Refused => ("refused", json!([]), 0),
            };
            let at = begin(last - each.ago).to_string();
            rows.push(json!([
                account,
                at,
                each.operation,
                how,
                u64::from(each.who.is_refused()),
                calls,
                without,
                each.at_begin,
                each.at_end,
                at,
                at,
                "[\"gpt\"]",
                "[\"81.2.69.***\"]",
                callers.to_string(),
            ]));
        }
        let columns: Vec<Value> =
            columns.iter().map(|name| json!({"name": name, "type": "string"})).collect();
        let mut body = json!({
            "tables": [{"name": "PrimaryResult", "columns": columns, "rows": rows}],
            "permissions": {
                "resources": [{"resourceId": account, "dataSources": [workspace("w"), workspace("other")]}],
                "dataSources": [{"resourceId": workspace("w")}, {"resourceId": workspace("OTHER")}],
            },
        });
        self.mislead(&mut body, &account);
        Answer::found([body])
    }

    /// Changes an answer into one that is not the whole log.
    fn mislead(&self, body: &mut Value, account: &str) {
        match self.log {
            QueryAnswer::Hidden => {
                body["permissions"]["dataSources"].as_array_mut().unwrap().pop();
            }
            QueryAnswer::DeniedTable => {
                body["permissions"]["dataSources"][0]["denyTables"] = json!(["azurediagnostics"]);
            }
            QueryAnswer::DeniedHere => {
                body["permissions"]["resources"][0]["denyTables"] = json!(["AzureDiagnostics"]);
            }
            QueryAnswer::Unsaid => body["permissions"] = Value::Null,
            QueryAnswer::OfAnother => {
                body["permissions"]["resources"][0]["resourceId"] = json!(format!("{account}-2"));
            }
            QueryAnswer::ListedTwice => {
                let again = json!({"resourceId": account, "dataSources": [workspace("secret")]});
                body["permissions"]["resources"].as_array_mut().unwrap().push(again);
            }
            QueryAnswer::ReadableTwice => {
                let again = json!({"resourceId": workspace("w"), "denyTables": ["AzureDiagnostics"]});
                body["permissions"]["dataSources"].as_array_mut().unwrap().push(again);
            }
            QueryAnswer::NoSources => body["permissions"]["resources"][0]["dataSources"] = json!([]),
            QueryAnswer::OddSources => {
                let odd = json!([workspace("w"), {"resourceId": workspace("secret")}]);
                body["permissions"]["resources"][0]["dataSources"] = odd;
            }
            QueryAnswer::Partial => {
                body["error"] = json!({"code": "PartialError", "message": "There were some errors."});
            }
            _ => {}
        }
    }
}
