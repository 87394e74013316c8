/// Whether the process serves requests at all. Touches nothing.
#[utoipa::path(get, path = "/livez", tag = "operations", operation_id = "livez",
    responses((status = 200, description = "It does", body = String, content_type = "text/plain")))]
pub async fn get() -> &'static str {
    "ok"
}
