//! When an anomaly is an alarm: when it persists.

/// An alarm goes on when so many samples are unusual…
const PERSISTENT: u32 = 3;
/// … of so many, the first anomalous one included.
const WITHIN: u32 = 8;
/// It goes off when so many samples in a row are as usual…
const RECOVERED: u32 = 8;
/// … or when it has been on for so many, and what was unusual is the new normal.
const ADOPTED: u32 = 128;

/// Whether an alarm is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alarm {
    Off,
    /// An anomalous sample came; is it alone?
    Suspected {
        samples: u32,
        unusual: u32,
    },
    On {
        samples: u32,
        usual: u32,
    },
}

impl Alarm {
    /// Takes in a sample; answers whether an alarm ends now by adoption.
    pub(super) fn push(&mut self, anomalous: bool, unusual: bool) -> bool {
        let unusual_count = u32::from(unusual);
        *self = match *self {
            Self::Off if anomalous => Self::Suspected {
                samples: 1,
                unusual: 1,
            },
            Self::Off => Self::Off,
            Self::Suspected { samples, unusual } => {
                let (samples, unusual) = (samples + 1, unusual + unusual_count);
                if unusual >= PERSISTENT {
                    Self::On {
                        samples: 0,
                        usual: 0,
                    }
                } else if samples >= WITHIN {
                    Self::Off
                } else {
                    Self::Suspected { samples, unusual }
                }
            }
            Self::On { samples, usual } => {
                let usual = if unusual { 0 } else { usual + 1 };
                if usual >= RECOVERED {
                    Self::Off
                } else if samples + 1 >= ADOPTED {
                    *self = Self::Off;
                    return true;
                } else {
                    Self::On {
                        samples: samples + 1,
                        usual,
                    }
                }
            }
        };
        false
    }

    pub(super) fn is_on(self) -> bool {
        matches!(self, Self::On { .. })
    }
}
