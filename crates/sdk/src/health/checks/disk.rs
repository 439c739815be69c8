//! Whether there is room on a file system.

use std::path::Path;

use crate::health::Outcome;

/// What there has to be, for whoever is not root.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Room {
    pub(crate) bytes_min: Option<u64>,
    /// Of all that there is, 0 to 1.
    pub(crate) share_min: Option<f64>,
}

/// Looks at the file system that a path is on. Blocks where that is one of the network that is gone.
pub(crate) fn look(path: &Path, room: Room) -> Outcome {
    match rustix::fs::statvfs(path) {
        Ok(answer) => {
            let block_bytes = answer.f_frsize;
            let free_bytes = answer.f_bavail.saturating_mul(block_bytes);
            judge(
                path,
                room,
                free_bytes,
                answer.f_blocks.saturating_mul(block_bytes),
            )
        }
        Err(error) => Outcome::Down(format!("{} cannot be looked at: {error}", path.display())),
    }
}

fn judge(path: &Path, room: Room, free_bytes: u64, all_bytes: u64) -> Outcome {
    let path = path.display();
    if let Some(bytes_min) = room.bytes_min.filter(|it| free_bytes < *it) {
        let reason = format!("{path}: {free_bytes} bytes are free, want {bytes_min}");
        return Outcome::Down(reason);
    }
    // A file system without a size, such as /proc, is never full.
    let share = if all_bytes == 0 {
        1.0
    } else {
        free_bytes as f64 / all_bytes as f64
    };
    match room.share_min.filter(|it| share < *it) {
        Some(share_min) => Outcome::Down(format!(
            "{path}: {:.1} % is free, want {:.1} %",
            share * 100.0,
            share_min * 100.0
        )),
        None => Outcome::Up,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_or_there_is_not() {
        let path = Path::new("/data");
        let room = |bytes_min, share_min| Room {
            bytes_min,
            share_min,
        };
        assert_eq!(
            judge(path, room(Some(100), Some(0.1)), 100, 1_000),
            Outcome::Up
        );
        assert_eq!(
            judge(path, room(Some(101), None), 100, 1_000),
            Outcome::down("/data: 100 bytes are free, want 101")
        );
        assert_eq!(
            judge(path, room(None, Some(0.25)), 100, 1_000),
            Outcome::down("/data: 10.0 % is free, want 25.0 %")
        );
        assert_eq!(judge(path, room(None, Some(1.0)), 0, 0), Outcome::Up);
    }

    #[test]
    fn real_file_systems_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let nothing = Room {
            bytes_min: Some(0),
            share_min: Some(0.0),
        };
        assert_eq!(look(folder.path(), nothing), Outcome::Up);
        let everything = Room {
            bytes_min: Some(u64::MAX),
            share_min: None,
        };
        let (state, reason) = look(folder.path(), everything).into_parts();
        assert_eq!(state.as_str(), "down", "{reason}");
        let gone = folder.path().join("gone");
        let (_, reason) = look(&gone, nothing).into_parts();
        assert!(reason.contains("cannot be looked at"), "{reason}");
    }
}
