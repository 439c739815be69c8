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

#[cfg(test)]
mod tests {
    use super::*;

    /// `!` is anomalous, `u` unusual, `.` usual.
    fn alarms(samples: &str) -> String {
        let mut alarm = Alarm::Off;
        let pushed = samples.chars().map(|sample| {
            let adopted = alarm.push(sample == '!', sample != '.');
            match (adopted, alarm) {
                (true, _) => 'a',
                (_, Alarm::On { .. }) => '1',
                (_, Alarm::Suspected { .. }) => '?',
                (_, Alarm::Off) => '0',
            }
        });
        pushed.collect()
    }

    #[test]
    fn alarms_need_three_unusual_samples_of_eight() {
        assert_eq!(alarms("..!......."), "00???????0");
        assert_eq!(alarms("uuuu"), "0000", "without an anomalous one");
        assert_eq!(alarms("!uu"), "??1");
        assert_eq!(alarms("!..u..u"), "??????1");
        assert_eq!(alarms("!..u...u"), "???????1");
        assert_eq!(alarms("!..u....u"), "???????00");
    }

    #[test]
    fn alarms_end_by_recovery_or_adoption() {
        assert_eq!(alarms("!uu.......u........"), "??11111111111111110");
        let lasting = alarms(&"!".repeat(140));
        assert_eq!(lasting.find('a'), Some(2 + 128));
        assert_eq!(lasting.matches('1').count(), 128 + 7);
    }
}
