//! One page of a list: items are projected while they are parsed, so that a page of complete bodies is never in memory.
//!
//! Input: bytes and a projection. Output: the projected items, and the URL of the next page. Pure.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::error_body::in_success;

/// Azure's lists are shorter: a subscription has up to 4,000 role assignments, and a group up to 800 resources of one kind.
pub(super) const MOST_ITEMS: usize = 200_000;

/// A page.
#[derive(Debug)]
pub(super) struct ListPage<T> {
    pub items: Vec<T>,
    pub next: Option<String>,
}

/// Whether a field has the URL of the next page: `nextLink` (ARM) or `@odata.nextLink` (Graph), ignoring case.
pub(crate) fn is_next_link(name: &str) -> bool {
    let name = name.strip_prefix('@').unwrap_or(name).to_ascii_lowercase();
    name.strip_prefix("odata.").unwrap_or(&name) == "nextlink"
}

/// Parses a page: an object with a `value` list, optionally the next page's URL, and no error.
pub(super) fn read<T>(bytes: &[u8], project: &(impl Fn(Value) -> T + ?Sized)) -> Result<ListPage<T>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("the body is not a list ({error})"))?;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let page = PageSeed(project, PhantomData)
        .deserialize(&mut deserializer)
        .and_then(|page| deserializer.end().map(|()| page));
    page.map_err(|error| format!("the body is not a list ({error})"))
}

struct PageSeed<'a, F: ?Sized, T>(&'a F, PhantomData<T>);

impl<'de, F: Fn(Value) -> T + ?Sized, T> DeserializeSeed<'de> for PageSeed<'_, F, T> {
    type Value = ListPage<T>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<ListPage<T>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, F: Fn(Value) -> T + ?Sized, T> Visitor<'de> for PageSeed<'_, F, T> {
    type Value = ListPage<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `value`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ListPage<T>, A::Error> {
        let (mut items, mut next): (_, Option<(String, Option<String>)>) = (None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "value" if items.is_some() => return Err(A::Error::custom("`value` occurs twice")),
                "value" => items = Some(map.next_value_seed(ItemsSeed(self.0, PhantomData))?),
                name if name.eq_ignore_ascii_case("value") => {
                    return Err(A::Error::custom(format!("found `{name}` instead of `value`")));
                }
                name if is_next_link(name) => {
                    let link = map.next_value::<Option<String>>()?.filter(|link| !link.is_empty());
                    if let Some((other, first)) = &next {
                        if other.eq_ignore_ascii_case(name) {
                            return Err(A::Error::custom(format!("`{other}` occurs twice")));
                        }
                        if *first != link {
                            let what = format!("`{other}` and `{name}` do not contain the same URL");
                            return Err(A::Error::custom(what));
                        }
                    }
                    next = Some((key, link));
                }
                name if name.to_ascii_lowercase().ends_with("error") => {
                    let body = Value::Object([(key, map.next_value()?)].into_iter().collect());
                    if let Some(error) = in_success(&body) {
                        return Err(A::Error::custom(format!("it contains an error: {}", error.words())));
                    }
                }
                _ => _ = map.next_value::<IgnoredAny>()?,
            }
        }
        // A missing list is not an empty list: resources would be deleted because of it.
        let items = items.ok_or_else(|| A::Error::missing_field("value"))?;
        Ok(ListPage { items, next: next.and_then(|(_, link)| link) })
    }
}

struct ItemsSeed<'a, F: ?Sized, T>(&'a F, PhantomData<T>);

impl<'de, F: Fn(Value) -> T + ?Sized, T> DeserializeSeed<'de> for ItemsSeed<'_, F, T> {
    type Value = Vec<T>;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<Vec<T>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: Fn(Value) -> T + ?Sized, T> Visitor<'de> for ItemsSeed<'_, F, T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<Value>()? {
            if items.len() == MOST_ITEMS {
                return Err(A::Error::custom(format!("it has more than {MOST_ITEMS} items")));
            }
            items.push((self.0)(item));
        }
        Ok(items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(body: &str) -> Result<(Vec<String>, Option<String>), String> {
        let page = read(body.as_bytes(), &|item: Value| item["name"].as_str().unwrap_or("?").to_owned())?;
        Ok((page.items, page.next))
    }

    #[test]
    fn pages_are_read_in_any_order_of_their_keys() {
        let two = vec!["a".to_owned(), "b".to_owned()];
        for (body, next) in [
            (r#"{"value":[{"name":"a"},{"name":"b"}]}"#, None),
            (r#"{"nextLink":"u","count":2,"value":[{"name":"a"},{"name":"b"}]}"#, Some("u")),
            (r#"{"value":[{"name":"a"},{"name":"b"}],"nextLink":""}"#, None),
            (r#"{"value":[{"name":"a"},{"name":"b"}],"nextLink":null}"#, None),
            (
                r#"{"@odata.context":{"x":[1]},"value":[{"name":"a"},{"name":"b"}],"@odata.nextLink":"g"}"#,
                Some("g"),
            ),
            (r#"{"value":[{"name":"a"},{"name":"b"}],"nextlink":"u"}"#, Some("u")),
            (r#"{"value":[{"name":"a"},{"name":"b"}],"NextLink":"u"}"#, Some("u")),
            (r#"{"value":[{"name":"a"},{"name":"b"}],"@odata.nextlink":"u","nextLink":"u"}"#, Some("u")),
            (r#"{"value":[{"name":"a"},{"name":"b"}],"nextLink":"","@odata.nextLink":null}"#, None),
            (r#"{"value":[{"name":"a"},{"name":"b"}],"error":null,"lastError":{"code":"A"}}"#, None),
        ] {
            assert_eq!(names(body), Ok((two.clone(), next.map(str::to_owned))), "{body}");
        }
        assert_eq!(names(r#"{"value":[]}"#), Ok((vec![], None)));
    }

    #[test]
    fn what_is_no_list_is_never_taken_for_an_empty_one() {
        for body in [
            "{}",
            "[]",
            "null",
            r#"{"value":null}"#,
            r#"{"value":{}}"#,
            r#"{"value":[1"#,
            r#"{"value":[]} x"#,
            r#"{"value":[],"value":[]}"#,
            r#"{"value":[],"Value":[]}"#,
            r#"{"value":[],"nextLink":7}"#,
            r#"{"value":[],"nextLink":null,"@odata.nextLink":"u"}"#,
            r#"{"value":[],"@odata.nextLink":"u","nextLink":""}"#,
            r#"{"value":[],"nextLink":"u","nextLink":"u"}"#,
            r#"{"value":[],"nextLink":"u","NEXTLINK":null}"#,
            r#"{"value":[],"error":{"code":"Partial","message":"m"}}"#,
            r#"{"error":"x","value":[]}"#,
            r#"{"value":[],"Error":{"message":"m"}}"#,
            r#"{"value":[],"odata.error":{"code":"A"}}"#,
            "<html>",
        ] {
            assert!(names(body).is_err(), "{body}");
        }
    }
}
