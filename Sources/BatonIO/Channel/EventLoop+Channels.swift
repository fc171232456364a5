extension EventLoop {
    /// How often deadlines of channels are looked at: one timer for all of them, as thousands are set and few pass.
    private static let sweepInterval = Duration.milliseconds(250)

    func remove(_ channel: Channel) {
        let hole = channel.index
        guard hole >= 0 else { return }
        channel.index = -1
        let last = channels.removeLast()
        guard last !== channel else { return }
        channels[hole] = last
        last.index = hole
    }

    func startSweeping() {
        guard sweepTimer == nil else { return }
        sweepTimer = schedule(after: Self.sweepInterval) { self.sweep() }
    }

    private func sweep() {
        sweepTimer = nil
        let now = Deadline.now
        var more = false
        var expired: [Channel] = []
        for channel in channels where channel.deadline != .never {
            if channel.deadline <= now { expired.append(channel) } else { more = true }
        }
        if more { startSweeping() }
        // Afterwards, because a handler may close channels, which moves them in the list.
        for channel in expired where channel.isOpen && channel.deadline <= now { channel.expire() }
    }
}
