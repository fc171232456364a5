extension BusHistory {
    /// What happened and should not have.
    public func violations() -> [String] {
        errors.map { "an error that no process should meet: \($0)" } + logViolations() + groupViolations() + handOutViolations() + orderViolations()
    }

    // MARK: - Logs

    /// What was acknowledged is there once, at its place; places have no holes; what one writer wrote stands in its order.
    private func logViolations() -> [String] {
        var found: [String] = []
        let written = Dictionary(grouping: written, by: \.log)
        for (name, log) in logs {
            var seqs: [String: Int] = [:]
            var last: [Substring: Int] = [:]
            for event in log.events {
                if let other = seqs.updateValue(event.seq, forKey: event.name) {
                    found.append("\(name): \(event.name) is stored twice, at \(other) and \(event.seq)")
                }
                let parts = event.name.split(separator: "-")
                guard parts.count == 2, let number = Int(parts[1]) else { continue }
                if let before = last[parts[0]], before >= number { found.append("\(name): \(event.name) stands after \(parts[0])-\(before)") }
                last[parts[0]] = number
            }
            let first = log.isTrimmed ? log.events.first?.seq ?? 1 : 1
            if !log.events.enumerated().allSatisfy({ $0.element.seq == first + $0.offset }) { found.append("\(name): its places have holes") }
            for one in written[name] ?? [] where !(log.isTrimmed && one.seq < first) {
                guard let seq = seqs[one.name] else {
                    found.append("\(name): \(one.name) was acknowledged and is not there")
                    continue
                }
                if seq != one.seq { found.append("\(name): \(one.name) was acknowledged at \(one.seq) and stands at \(seq)") }
            }
        }
        return found
    }

    // MARK: - Groups

    /// Every acknowledged event took effect once, or is a dead letter; nothing is left, nothing is lost.
    private func groupViolations() -> [String] {
        var found: [String] = []
        for (name, group) in groups {
            if group.unfinished > 0 { found.append("\(name): \(group.unfinished) events are not finished") }
            if group.lost > 0 { found.append("\(name): it says that it lost \(group.lost) events") }
            let logs = Set(group.logs)
            var counts: [String: Int] = [:]
            var deliveries: Set<String> = []
            for effect in group.effects {
                counts[effect.name, default: 0] += 1
                if !deliveries.insert(effect.id).inserted { found.append("\(name): the delivery \(effect.id) of \(effect.name) took effect twice") }
            }
            // After a take-over an event that was not acknowledged to its writer may be stored again, as another delivery.
            if takeovers.isEmpty {
                for (event, count) in counts where count > 1 { found.append("\(name): \(event) took effect \(count) times") }
            }
            for event in Set(written.filter { logs.contains($0.log) }.map(\.name)) where counts[event] == nil && !group.dead.contains(event) {
                found.append("\(name): \(event) was acknowledged to its writer and nobody finished it")
            }
        }
        return found
    }

    // MARK: - Deliveries

    private struct Place: Hashable {
        let group: String
        let id: String
    }

    /// How far two clocks of one machine may be apart, in nanoseconds, with what is rounded to milliseconds.
    private static let tolerance = 20_000_000

    /// Whether the storage knows at the later moment what it answered at the earlier one.
    private func remembers(from earlier: Int, to later: Int) -> Bool {
        !takeovers.contains { $0.lowerBound <= later && $0.upperBound >= earlier }
    }

    /// Who lost an event changes nothing; nobody gets it while another's lease runs; what was acknowledged never comes again.
    private func handOutViolations() -> [String] {
        var found: [String] = []
        let words = Dictionary(grouping: words) { Place(group: $0.group, id: $0.id) }
        for (place, outs) in Dictionary(grouping: handOuts, by: { Place(group: $0.group, id: $0.id) }) {
            let said = words[place] ?? []
            let outs = outs.sorted { ($0.token, $0.answered) < ($1.token, $1.answered) }
            let event = "\(place.group): \(outs[0].name) (\(place.id))"
            let acknowledged = said.filter { $0.action == .acknowledge && $0.isDone }
            for (index, one) in acknowledged.enumerated() {
                for other in acknowledged[..<index] where remembers(from: min(one.asked, other.asked), to: max(one.asked, other.asked)) {
                    found.append("\(event): acknowledged with \(other.token) and with \(one.token)")
                }
                for out in outs {
                    guard let answered = one.answered, let asked = out.asked ?? (out.token > one.token ? out.answered : nil), asked > answered,
                        remembers(from: one.asked, to: out.answered)
                    else { continue }
                    found.append("\(event): handed out to \(out.consumer) after it was acknowledged with \(one.token)")
                }
            }
            for word in said where word.isDone {
                if let heir = outs.first(where: { $0.token > word.token && $0.answered < word.asked && remembers(from: $0.answered, to: word.asked) })
                {
                    found.append("\(event): \(word.action) with \(word.token) took effect after \(heir.consumer) had got it with \(heir.token)")
                }
            }
            for (out, next) in zip(outs, outs.dropFirst()) where next.token > out.token {
                if let end = leaseEnd(of: out, said, at: next.answered), next.answered < end - Self.tolerance,
                    remembers(from: out.asked ?? out.answered, to: next.answered)
                {
                    found.append(
                        "\(event): \(next.consumer) got it \((end - next.answered) / 1_000_000) ms before the lease of \(out.consumer) was over")
                }
            }
            for (out, next) in zip(outs, outs.dropFirst()) where next.token == out.token {
                guard remembers(from: out.answered, to: next.answered) else { continue }
                found.append("\(event): \(out.consumer) and \(next.consumer) have the same token \(out.token)")
            }
        }
        return found
    }

    /// Until when the event was surely its consumer's, as known at a moment; `nil` when it gave the event back before, or nobody can tell.
    private func leaseEnd(of out: HandOut, _ said: [Word], at moment: Int) -> Int? {
        guard let asked = out.asked, let lease = groups[out.group]?.lease else { return nil }
        var end = asked + lease
        for word in said where word.token == out.token && word.asked < moment {
            if word.action != .extend { return nil }
            if word.isDone { end = max(end, word.asked + lease) }
        }
        return end
    }

    // MARK: - Order

    /// In an ordered group an event comes only when somebody has finished the one before it of its key.
    private func orderViolations() -> [String] {
        var found: [String] = []
        for (name, group) in groups where group.isOrdered {
            var before: [String: String] = [:]
            for log in group.logs {
                var last: [String: String] = [:]
                for event in logs[log]?.events ?? [] { before[event.name] = last.updateValue(event.name, forKey: event.key) }
            }
            var finished: [String: Int] = [:]
            let names = Dictionary(
                handOuts.filter { $0.group == name }.map { ($0.id, $0.name) }, uniquingKeysWith: { first, _ in first })
            for word in words where word.group == name && word.action == .acknowledge {
                guard let event = names[word.id] else { continue }
                finished[event] = min(finished[event] ?? .max, word.asked)
            }
            // Before a take-over the log may have had another order, of events that were not acknowledged to their writers.
            let start = takeovers.map(\.upperBound).max() ?? .min
            for out in handOuts where out.group == name && (out.asked ?? out.answered) > start {
                guard let previous = before[out.name], !group.dead.contains(previous) else { continue }
                guard let moment = finished[previous], moment < out.answered else {
                    found.append("\(name): \(out.consumer) got \(out.name) before \(previous) was finished")
                    continue
                }
            }
        }
        return found
    }
}
