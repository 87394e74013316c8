//! Steps: requests, pauses, and the blocks that hold further steps.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Expect, Source, Think};
use crate::plan::{
    de::At,
    forms::{Scalar, Time, TimesText},
    problem::Span,
    shapes::{Json, OneOrMany, OrMap, Pairs},
};

/// The fields of a form with files, by name.
pub type Fields = Pairs<OneOrMany<At<OrMap<String, Part>>>>;
/// Variables, by name, and where in an answer their values are.
pub type Saves = Pairs<At<OrMap<String, Source>>>;

/// One step: a request (`get`, `post`, …), a pause (`think`), variables (`set`), or a block of steps (`choose`, `loop`,
/// `repeat`, `parallel`, or `steps` with `if`).
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["get"]}, {"required": ["post"]}, {"required": ["put"]}, {"required": ["patch"]},
    {"required": ["delete"]}, {"required": ["head"]}, {"required": ["options"]}, {"required": ["think"]},
    {"required": ["set"]}, {"required": ["choose"]}, {"required": ["parallel"]},
    {"required": ["loop", "steps"]}, {"required": ["repeat", "steps"]},
    {"required": ["if", "steps"], "not": {"anyOf": [{"required": ["loop"]}, {"required": ["repeat"]}]}},
]))]
pub struct Step {
    /// GET this path or URL.
    pub get: Option<At<String>>,
    /// POST to this path or URL.
    pub post: Option<At<String>>,
    /// PUT to this path or URL.
    pub put: Option<At<String>>,
    /// PATCH this path or URL.
    pub patch: Option<At<String>>,
    /// DELETE this path or URL.
    pub delete: Option<At<String>>,
    /// HEAD of this path or URL.
    pub head: Option<At<String>>,
    /// OPTIONS of this path or URL.
    pub options: Option<At<String>>,
    /// Pause: `2s`, or a distribution.
    pub think: Option<At<OrMap<Time, Think>>>,
    /// Variables and their values, such as one made up once and used twice: `set: { order: "${uuid}" }`.
    pub set: Option<At<Pairs<At<Scalar>>>>,
    /// One of several lists of steps, chosen by weight.
    #[schemars(length(min = 1))]
    pub choose: Option<At<Vec<At<Branch>>>>,
    /// Take `steps` several times: `5`, `"${int(1,5)}"`, a range `{ from: 1, to: 5, as: page }`, or once for each value of a
    /// variable saved with `pick: all`: `{ over: ids, as: id }`.
    #[serde(rename = "loop")]
    pub looped: Option<At<OrMap<TimesText, LoopMap>>>,
    /// Take `steps`, whose last is a request, again and again until something holds.
    pub repeat: Option<At<Repeat>>,
    /// Requests that are made at once, as a browser makes those of a page.
    #[schemars(length(min = 1))]
    pub parallel: Option<At<Vec<At<Step>>>>,
    /// The steps of `loop`, `repeat` or `if`.
    #[schemars(length(min = 1))]
    pub steps: Option<At<Vec<At<Step>>>>,
    /// Take the step only if this holds: a variable that is set and neither empty nor `false`, or a comparison such as
    /// `count > 3` or `state == 'done' and not error`.
    #[serde(rename = "if")]
    pub condition: Option<At<String>>,
    /// Steps to take if `if` does not hold.
    #[serde(rename = "else")]
    #[schemars(length(min = 1))]
    pub otherwise: Option<At<Vec<At<Step>>>>,
    /// What the request is called in every result. Default: method and path, which then holds no variable. Of `parallel`:
    /// what the time of the whole is called; without it, that is not recorded.
    pub name: Option<At<String>>,
    /// Of `parallel`: connections, and so requests, at once. Default 6, as browsers have.
    #[schemars(extend("minimum" = 1, "maximum" = 64))]
    pub connections: Option<At<u64>>,
    /// Headers beside the defaults; `null` drops a default.
    pub headers: Option<At<Pairs<At<Option<Scalar>>>>>,
    /// A JSON body.
    pub json: Option<At<Json>>,
    /// A form, sent as `application/x-www-form-urlencoded`.
    pub form: Option<At<Pairs<At<Scalar>>>>,
    /// A form with files, sent as `multipart/form-data`: fields with text, or `{ file: photo.jpg }`.
    pub multipart: Option<At<Fields>>,
    /// A GraphQL request. An answer with `errors` fails, unless `expect` says something about them.
    pub graphql: Option<At<GraphQl>>,
    /// A body as text.
    pub body: Option<At<Scalar>>,
    /// What the answer must be. Default: any status below 400.
    pub expect: Option<At<Expect>>,
    /// Variables taken from the answer: a JSONPath, `status`, `body`, or a map.
    pub save: Option<At<Saves>>,
    /// Longest time for this request.
    pub timeout: Option<At<Time>>,
    /// Whether redirects are followed. Default true.
    pub follow_redirects: Option<At<bool>>,
}

/// Some steps and how often they are chosen.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Branch {
    /// How often they are chosen, relative to the others. Default 1.
    #[schemars(extend("exclusiveMinimum" = 0))]
    pub weight: Option<At<f64>>,
    /// What is done, in order.
    #[schemars(length(min = 1))]
    pub steps: At<Vec<At<Step>>>,
}

/// How often steps are taken: `times`, or a range, or `over` the values of a variable.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("oneOf" = [
    {"required": ["times"]}, {"required": ["to"]}, {"required": ["over"]},
]))]
pub struct LoopMap {
    /// So many times: a number, a constant under `vars`, or `${int(1,5)}`.
    pub times: Option<At<Scalar>>,
    /// The first number of a range. Default 1.
    pub from: Option<At<Scalar>>,
    /// The last number of a range.
    pub to: Option<At<Scalar>>,
    /// From each number to the next. Default 1.
    pub by: Option<At<Scalar>>,
    /// Once for each value of this variable, saved with `pick: all`.
    pub over: Option<At<String>>,
    /// The variable that holds the number or value at hand.
    #[serde(rename = "as")]
    pub variable: Option<At<String>>,
}

/// How long steps are taken again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct Repeat {
    /// Until this holds: a comparison as in `if`, or what the answer of the last step must be as in `expect`.
    pub until: Option<At<OrMap<String, Expect>>>,
    /// The most times; if nothing has come of the last, its request has failed.
    #[schemars(with = "Option<Scalar>")]
    pub at_most: Option<At<Scalar>>,
    /// Pause before the next time.
    pub pause: Option<At<OrMap<Time, Think>>>,
}

/// A field of a form with files: `file` or `text`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields, extend("oneOf" = [{"required": ["file"]}, {"required": ["text"]}]))]
pub struct Part {
    /// A file, relative to the scenario; read once, before the run.
    pub file: Option<At<String>>,
    /// Text.
    pub text: Option<At<Scalar>>,
    /// Its content type. Default: by the file's ending; none for text.
    #[serde(rename = "type")]
    pub content_type: Option<At<String>>,
    /// The file's name as the target is told it. Default: its own.
    pub name: Option<At<String>>,
}

/// A GraphQL request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(deny_unknown_fields)]
pub struct GraphQl {
    /// The document: queries, mutations.
    pub query: Option<At<Scalar>>,
    /// Values of its variables.
    pub variables: Option<At<Json>>,
    /// Which operation of the document is meant, if it holds several.
    pub operation: Option<At<Scalar>>,
}

impl Step {
    /// The keys that are there, with the place of each.
    pub fn keys(&self) -> Vec<(&'static str, Span)> {
        fn key<T>(name: &'static str, value: &Option<At<T>>) -> Option<(&'static str, Span)> {
            value.as_ref().map(|value| (name, value.key))
        }
        let keys = [
            key("get", &self.get),
            key("post", &self.post),
            key("put", &self.put),
            key("patch", &self.patch),
            key("delete", &self.delete),
            key("head", &self.head),
            key("options", &self.options),
            key("think", &self.think),
            key("set", &self.set),
            key("choose", &self.choose),
            key("loop", &self.looped),
            key("repeat", &self.repeat),
            key("parallel", &self.parallel),
            key("steps", &self.steps),
            key("if", &self.condition),
            key("else", &self.otherwise),
            key("name", &self.name),
            key("connections", &self.connections),
            key("headers", &self.headers),
            key("json", &self.json),
            key("form", &self.form),
            key("multipart", &self.multipart),
            key("graphql", &self.graphql),
            key("body", &self.body),
            key("expect", &self.expect),
            key("save", &self.save),
            key("timeout", &self.timeout),
            key("follow_redirects", &self.follow_redirects),
        ];
        keys.into_iter().flatten().collect()
    }

    /// Calls `see` with this step and every step inside it.
    pub fn each<'s>(step: &'s At<Self>, see: &mut dyn FnMut(&'s At<Self>)) {
        see(step);
        let lists = [&step.steps, &step.otherwise, &step.parallel];
        for inner in lists.into_iter().flatten().flat_map(|list| &list.value) {
            Self::each(inner, see);
        }
        for inner in step.choose.iter().flat_map(|it| &it.value).flat_map(|branch| &branch.steps.value) {
            Self::each(inner, see);
        }
    }
}
