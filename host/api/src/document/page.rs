//! `/docs`: the document for people, by Swagger UI, whose files are in the binary.

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::response::{Html, Redirect};
use axum::routing::get;
use swagger_ui_redist::{SwaggerUi, SwaggerUiStaticFile};

/// Where the page is; its files are named relative to it, so it ends with a slash.
const PAGE: &str = "/docs/";

/// The page and its files.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let mut page = SwaggerUi::new();
    page.title("Bulkhead's API").config().urls(["/openapi.json"]);
    // The configuration is a constant: it cannot fail to be written.
    let html = page.serve().unwrap_or_default();
    let routes = Router::new()
        .route(PAGE.trim_end_matches('/'), get(|| async { Redirect::permanent(PAGE) }))
        .route(PAGE, get(|| async { Html(html) }));
    SwaggerUi::static_files().iter().fold(routes, |routes, &(file, bytes)| {
        let headers = [(CONTENT_TYPE, media_type(file))];
        routes.route(&format!("{PAGE}{}", file.file_name()), get(move || async move { (headers, bytes) }))
    })
}

fn media_type(file: SwaggerUiStaticFile) -> &'static str {
    match file.file_name().rsplit('.').next() {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => "image/png",
    }
}
