package import BatonCore

extension ReferenceModel {
    /// What is kept of the summary of one filter.
    struct StoredSummary {
        let filter: String
        var slot = SummarySlot()
        var summary: Summary?
    }

    package func summaries(of key: SessionKey) async throws(StoreError) -> SummaryList {
        try write { (model) throws(StoreError) in
            let session = model.sessions[try model.indexForReading(key)]
            return SummaryList(
                summaries: session.summaries.compactMap(\.summary), tail: session.record.tail, floor: session.record.floor,
                tokens: session.record.tokens, generation: session.record.generation)
        }
    }

    package func claim(_ claim: SummaryClaim, of key: SessionKey) async throws(StoreError) -> Int {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let now = model.clock.milliseconds
            var all = model.sessions[index].summaries
            if !all.contains(where: { Name.isSame($0.filter, claim.filter) }) {
                if all.count >= Summary.maximumPerSession { all.removeAll { $0.slot.isUnused(at: now) } }
                guard all.count < Summary.maximumPerSession else { throw StoreError.tooManySummaries }
                all.append(StoredSummary(filter: claim.filter))
            }
            let place = all.firstIndex { Name.isSame($0.filter, claim.filter) }!
            try all[place].slot.grant(claim, at: now)
            model.sessions[index].summaries = all
            return all[place].slot.epoch
        }
    }

    package func put(_ draft: SummaryDraft, of key: SessionKey, claim epoch: Int) async throws(StoreError) -> Summary {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            let record = model.sessions[index].record
            guard let place = model.sessions[index].summaries.firstIndex(where: { Name.isSame($0.filter, draft.filter) }) else {
                throw StoreError.summaryFenced(current: 0)
            }
            try model.sessions[index].summaries[place].slot.take(draft.boundary, epoch: epoch, tail: record.tail)
            let summary = draft.stored(at: model.now(for: record))
            model.sessions[index].summaries[place].summary = summary
            return summary
        }
    }

    package func release(_ epoch: Int, ofSummary filter: String, of key: SessionKey) async throws(StoreError) {
        try write { (model) throws(StoreError) in
            let index = try model.index(of: key)
            for place in model.sessions[index].summaries.indices where Name.isSame(model.sessions[index].summaries[place].filter, filter) {
                model.sessions[index].summaries[place].slot.release(epoch)
            }
        }
    }
}

extension ReferenceModel.Contents {
    /// Voids all claims, and takes away summaries of what is not as it was.
    mutating func voidSummaries(ofSessionAt index: Int, unless keeps: (Offset) -> Bool) {
        for place in sessions[index].summaries.indices {
            sessions[index].summaries[place].slot.void(at: clock.milliseconds, unless: keeps)
            if !sessions[index].summaries[place].slot.hasSummary { sessions[index].summaries[place].summary = nil }
        }
    }
}
