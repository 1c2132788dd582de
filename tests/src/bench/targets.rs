//! What we are after.

use super::{Metric, Workload};

/// Returns what a workload may cost us at most.
pub const fn targets(workload: Workload) -> &'static [(Metric, f64)] {
    match workload {
        Workload::CatchUp => &[
            (Metric::Requests, 1.0),
            (Metric::Bytes, 2_000.0),
            (Metric::DocumentsOpened, 0.0),
        ],
        Workload::Behind => &[
            (Metric::Requests, 1.0),
            (Metric::Bytes, 2_500.0),
            (Metric::ApplyMs, 2.0),
        ],
        Workload::Reconnect(..=100) => &[
            (Metric::WallMs, 100.0),
            (Metric::ServerCpuMs, 100.0),
            (Metric::ServerPeakMib, 32.0),
            (Metric::BytesPerDevice, 1_600.0),
        ],
        Workload::Reconnect(_) => &[
            (Metric::WallMs, 600.0),
            (Metric::ServerCpuMs, 500.0),
            (Metric::ServerPeakMib, 48.0),
        ],
        Workload::Storm(..=100) => &[(Metric::WallMs, 300.0), (Metric::BytesPerDevice, 8_000.0)],
        Workload::Storm(_) => &[
            (Metric::WallMs, 2_000.0),
            (Metric::BytesPerDevice, 30_000.0),
        ],
        Workload::FirstDownload(_) => &[
            (Metric::WallMs, 600.0),
            (Metric::ServerCpuMs, 150.0),
            (Metric::BytesPerDevice, 60_000.0),
        ],
        Workload::Note(_) => &[(Metric::BytesPerKey, 2.0), (Metric::StoredBytesPerKey, 2.0)],
        Workload::ColdOpen => &[(Metric::ShownMs, 1.0), (Metric::AgendaShownMs, 1.0)],
        Workload::Live => &[(Metric::WallMs, 300.0)],
    }
}
