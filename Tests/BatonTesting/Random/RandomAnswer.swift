internal import BatonCore

/// What a step led to.
enum RandomAnswer: Equatable, Sendable {
    case nothing
    case flag(Bool)
    case session(SessionSnapshot, Bool)
    case sessions(SessionPage)
    case receipt(AppendReceipt)
    case page(EventPage)
    case event(Event?)
    case window(EventWindow)
    case state([String: JSON])
    case seen(SessionState)
    case lease(Lease)
    case lineage(Lineage)
    case summaries(SummaryList)
    case tracks(TrackList)
    case comparison(BranchComparison)
    case failure(StoreError.Code, StoreError.Detail)

    /// The same with other names for generations, also where they are part of ids.
    func renamed(_ names: [String: String]) -> RandomAnswer {
        func generation(_ name: String) -> String { names[name] ?? name }
        func id(_ id: String) -> String {
            for (old, new) in names where id.hasPrefix(old + "-") { return new + id.dropFirst(old.count) }
            return id
        }
        func event(_ event: Event) -> Event {
            Event(id: id(event.id), seq: event.seq, time: event.time, editedAt: event.editedAt, body: event.body)
        }
        func point(_ point: BranchPoint) -> BranchPoint {
            BranchPoint(session: point.session, generation: generation(point.generation), at: point.at)
        }
        func session(_ session: SessionSnapshot) -> SessionSnapshot {
            var session = session
            session.record.generation = generation(session.record.generation)
            session.record.parent = session.record.parent.map(point)
            session.events = session.events.map(event)
            return session
        }
        switch self {
        case .nothing, .flag, .state, .seen, .lease, .comparison: return self
        case .summaries(var list):
            list.generation = generation(list.generation)
            return .summaries(list)
        case .tracks(var list):
            list.generation = generation(list.generation)
            for index in list.tracks.indices {
                list.tracks[index].generation = generation(list.tracks[index].generation)
                list.tracks[index].events = list.tracks[index].events.map(event)
            }
            return .tracks(list)
        case .lineage(var lineage):
            lineage.ancestors = lineage.ancestors.map(point)
            return .lineage(lineage)
        case .session(let snapshot, let created): return .session(session(snapshot), created)
        case .sessions(var page):
            page.sessions = page.sessions.map(session)
            return .sessions(page)
        case .receipt(var receipt):
            for index in receipt.entries.indices { receipt.entries[index].id = id(receipt.entries[index].id) }
            return .receipt(receipt)
        case .page(var page):
            page.events = page.events.map(event)
            page.generation = generation(page.generation)
            return .page(page)
        case .event(let found): return .event(found.map(event))
        case .window(let window): return .window(EventWindow(events: window.events.map(event), anchor: id(window.anchor)))
        case .failure(let code, .gone(let earliest, let tail, let name)):
            return .failure(code, .gone(earliest: earliest, tail: tail, generation: generation(name)))
        // How many wait before the caller is a guess.
        case .failure(let code, .busy(let lease, _)): return .failure(code, .busy(lease, ahead: 0))
        case .failure: return self
        }
    }
}
