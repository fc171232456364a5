import BatonCore

/// Waits in line for turns, stages some events in each, at random moments, and commits them.
///
/// Each event says which turn it belongs to and how many there are; every turn that was acknowledged is told: session, name of the turn, epoch. Now and
/// then it also writes without staging, showing its epoch.
struct Turns {
    let session: Session
    let holder: String
    let parts: Int
    let ttl: Duration

    func run() async { while true { await turn() } }

    private func turn() async {
        let (session, parts) = (session, parts)
        let name = "\(holder)-\(UInt64.random(in: 0...UInt64.max))"
        do {
            let epoch = try await session.turn(holder: holder, ttl: ttl, waiting: .seconds(60)) { turn in
                for part in 0..<parts {
                    try turn.append(event(name, "staged", part, turn.epoch))
                    await TurnWorker.pause(0...4000)
                }
                if Bool.random() {
                    // Neither staged nor cancelled with the turn: the fence alone keeps it in its place.
                    await Task { _ = try? await session.append(event(name, "direct", 0, turn.epoch), epoch: turn.epoch) }.value
                }
                return turn.epoch
            }
            TurnWorker.say("\(session.key.id) \(name) \(epoch)")
        } catch {
            await TurnWorker.pause(5000...5000)
        }
    }

    private func event(_ turn: String, _ kind: String, _ part: Int, _ epoch: Int) throws(StoreError) -> NewEvent {
        let of = kind == "staged" ? parts : 1
        return NewEvent(try JSON(parsing: #"{"turn":"\#(turn)","part":\#(part),"of":\#(of),"epoch":\#(epoch)}"#), type: kind)
    }
}
