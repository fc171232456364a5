internal import BatonCore

/// The logs that a session's history is put together from, the oldest first; its own, which goes on, comes last.
///
/// A log belongs to one session until that is forked; then it is frozen, and the session gets another for what comes. A log that
/// is newer than an event may have a row at the event's seq all the same: an edit, or in `removed` a removal, by the session that the log
/// belonged to. The newest that is part of the history counts.
struct Segments {
    struct Segment {
        /// The number that its events carry.
        let log: Int
        /// The generation that made its events.
        let generation: String
        /// Its first seq.
        let first: Int
        /// Its last seq in this history; `Int.max` of the log that goes on. Below `first` when only its edits and removals count.
        var last: Int
        /// Whether it has edits or removals of events in older logs.
        var hasOverlays: Bool
    }

    /// A part of one segment that is shown.
    struct Piece {
        /// The segment's index.
        let index: Int
        let range: ClosedRange<Int>
    }

    var all: [Segment]
    var rewinds = Rewinds()
    /// The sessions that it descends from, its parent first.
    var ancestors: [BranchPoint] = []

    /// The history of a session that shows its own log and nothing else.
    init(ofPlain row: SessionRow) {
        all = [Segment(log: row.log, generation: row.generation, first: 1, last: .max, hasOverlays: false)]
    }

    init(_ all: [Segment], rewinds: Rewinds, ancestors: [BranchPoint]) {
        self.all = all
        self.rewinds = rewinds
        self.ancestors = ancestors
    }

    /// The first seq of the log that goes on.
    var firstOwn: Int { all.last?.first ?? 1 }

    /// The index of the segment that a seq stands in.
    func index(of seq: Int) -> Int? { all.lastIndex { $0.first <= seq && seq <= $0.last } }

    /// What is shown of a range of seqs, or all of it, in pieces of one log each, ascending.
    func pieces(of range: ClosedRange<Int>, tail: Int, _ view: EventQuery.View) -> [Piece] {
        var pieces: [Piece] = []
        let shown = view == .log ? [range] : rewinds.shown(from: range.lowerBound, through: tail)
        for part in shown where part.lowerBound <= range.upperBound {
            let part = part.lowerBound...min(part.upperBound, range.upperBound)
            for (index, segment) in all.enumerated() where segment.first <= part.upperBound && segment.last >= part.lowerBound {
                let (first, last) = (max(segment.first, part.lowerBound), min(segment.last, part.upperBound))
                if first <= last { pieces.append(Piece(index: index, range: first...last)) }
            }
        }
        return pieces
    }

    /// What a fork at a place takes over from it, without anything before the floor.
    func through(_ seq: Int, floor: Int) -> [Segment] {
        all.compactMap { segment in
            var segment = segment
            segment.last = min(segment.last, seq)
            return segment.last > floor && (segment.first <= seq || segment.hasOverlays) ? segment : nil
        }
    }

    /// Whether the newest of the segments after `index` that says anything of a seq can say so.
    func overlays(after index: Int) -> [Segment] { all[(index + 1)...].filter(\.hasOverlays).reversed() }
}
