//! The files of the web UI, as its build has made them: compressed, named by their content, part of the binary.
//!
//! ## Model
//! `crate/build.rs` lets npm install what `package-lock.json` says and Vite build the pages; what comes out stands in
//! [`FILES`]. [`DOCUMENT`] is the one page that all addresses of the UI are answered with; the server fills in its
//! places `{{nonce}}` and `{{title}}`.
//!
//! ## Invariants
//! Nothing is loaded from elsewhere, and no script stands inside of the document. A path with a hash in it never
//! changes its content.

/// A file of the UI.
#[derive(Debug, Clone, Copy)]
pub struct File {
    /// Where it is fetched, such as `/assets/index-1a2b3c4d.js`.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its bytes, in the first encoding that the list says a client may take.
    pub bodies: &'static [Body],
    /// Whether its name follows from its content.
    pub is_immutable: bool,
}

/// The bytes of a file in one encoding.
#[derive(Debug, Clone, Copy)]
pub struct Body {
    /// `br`, `gzip`, or nothing where the bytes are as they are.
    pub encoding: &'static str,
    /// The bytes.
    pub bytes: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/files.rs"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_names_files_that_are_there_and_has_no_script_inside() {
        let paths: Vec<&str> = FILES.iter().map(|file| file.path).collect();
        assert!(paths.contains(&"/favicon.svg"), "{paths:?}");
        let mut named = 0;
        for part in DOCUMENT.split(['"', '\'']) {
            if part.starts_with("/assets/") || part == "/scheme.js" {
                assert!(paths.contains(&part), "{part} is not there: {paths:?}");
                named += 1;
            }
        }
        assert!(named >= 3, "{DOCUMENT}");
        assert!(!DOCUMENT.contains("<style"), "{DOCUMENT}");
        for script in DOCUMENT.split("<script").skip(1) {
            let inside = script.split_once('>').map(|(_, rest)| rest);
            assert!(
                inside.is_some_and(|rest| rest.starts_with("</script>")),
                "{script}"
            );
        }
        assert!(DOCUMENT.contains("{{nonce}}") && DOCUMENT.contains("{{title}}"));
    }

    #[test]
    fn files_are_compressed_where_that_makes_them_smaller() {
        for file in FILES {
            assert!(!file.bodies.is_empty(), "{}", file.path);
            let is_text = file.content_type.starts_with("text/");
            let encodings: Vec<&str> = file.bodies.iter().map(|body| body.encoding).collect();
            if is_text && file.is_immutable {
                assert!(
                    encodings.starts_with(&["br", "gzip"]) || encodings == [""],
                    "{} {encodings:?}",
                    file.path
                );
            }
        }
    }
}
