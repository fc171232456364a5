internal import BatonHTTP

/// The page at `/`: lists a user's sessions and follows one as it grows.
enum Console {
    static let response = Response(
        200,
        headers: [
            "Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Content-Security-Policy":
                "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ],
        body: Array(page.utf8))

    private static let page = #"""
        <!doctype html>
        <html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Baton</title>
        <style>
        :root { color-scheme: light dark; font: 15px/1.45 system-ui, sans-serif; }
        body { margin: 0 auto; max-width: 76rem; padding: 1rem; }
        form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; }
        label { display: grid; font-size: .8rem; } input { font: inherit; padding: .3rem .5rem; } button { font: inherit; padding: .35rem .9rem; }
        main { display: grid; grid-template-columns: minmax(14rem, 1fr) 3fr; gap: 1.5rem; margin-top: 1rem; }
        ul { list-style: none; margin: 0; padding: 0; } li button { width: 100%; text-align: left; margin: 0 0 .3rem; overflow-wrap: anywhere; }
        small { opacity: .7; display: block; } pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0 0; font-size: .85rem; }
        article { border-left: 3px solid #8888; padding: .1rem .8rem; margin: 0 0 .7rem; }
        article[data-role=user] { border-color: #2a7; } article[data-role=assistant] { border-color: #48c; } article[data-role=tool] { border-color: #c83; }
        #status { font-size: .85rem; } #problem { color: #c33; }
        </style></head><body>
        <h1>Baton</h1>
        <form id="owner">
        <label>App <input name="app" required></label><label>User <input name="user" required></label>
        <label>Token, if the daemon asks for one <input name="token" type="password" autocomplete="off"></label>
        <button>List sessions</button></form>
        <p id="problem" role="alert"></p>
        <main><nav><ul id="sessions"></ul><button id="more" hidden>More</button></nav>
        <section><h2 id="title"></h2><p id="status"></p><div id="events"></div></section></main>
        <script>
        const $ = id => document.getElementById(id), form = $("owner"), text = (tag, value) => Object.assign(document.createElement(tag), { textContent: value });
        let source, next, seen = new Set();
        const saved = JSON.parse(sessionStorage.getItem("baton") || "{}");
        for (const [name, value] of Object.entries(saved)) if (form.elements[name]) form.elements[name].value = value;
        // The address names what is looked at: #app/user/session, so that it can be kept and passed on.
        const [app, user, shown] = location.hash.slice(1).split("/").map(decodeURIComponent);
        if (app && user) { form.app.value = app; form.user.value = user; }
        const remember = id => history.replaceState(null, "", "#" + [form.app.value, form.user.value, id].filter(Boolean).map(encodeURIComponent).join("/"));
        const base = () => `/v1/apps/${encodeURIComponent(form.app.value)}/users/${encodeURIComponent(form.user.value)}/sessions`;
        async function list(cursor) {
          $("problem").textContent = "";
          const headers = form.token.value ? { Authorization: `Bearer ${form.token.value}` } : {};
          const response = await fetch(`${base()}?limit=50${cursor ? `&cursor=${cursor}` : ""}`, { headers }).catch(() => null);
          const body = response && await response.json();
          if (!response?.ok) { $("problem").textContent = body ? `${body.status}: ${body.detail}` : "The daemon does not answer."; return; }
          if (!cursor) $("sessions").replaceChildren();
          if (!cursor && !body.sessions.length) $("sessions").append(text("li", "No sessions yet."));
          for (const session of body.sessions) {
            const item = document.createElement("li"), button = text("button", session.title || session.id);
            button.append(text("small", `${session.eventCount} events, ${session.status}, ${new Date(session.updatedAt).toLocaleString()}`));
            button.onclick = () => open(session.id);
            item.append(button); $("sessions").append(item);
          }
          next = body.next; $("more").hidden = !next;
        }
        function open(id) {
          remember(id); source?.close(); seen = new Set(); $("events").replaceChildren(); $("title").textContent = id; $("status").textContent = "Connecting…";
          const token = form.token.value ? `?access_token=${encodeURIComponent(form.token.value)}` : "";
          source = new EventSource(`${base()}/${encodeURIComponent(id)}/events${token}`);
          source.onopen = () => { $("status").textContent = "Following."; };
          source.onerror = () => { $("status").textContent = source.readyState === 2 ? "Ended: the session is gone or may not be read." : "Cut off; coming back…"; };
          source.addEventListener("event", message => {
            const event = JSON.parse(message.data);
            if (seen.has(event.seq)) return;
            seen.add(event.seq);
            const article = document.createElement("article"); article.dataset.role = event.role || "";
            article.append(text("small", [`#${event.seq}`, event.role, event.author, event.type, event.branch, new Date(event.time).toLocaleTimeString()].filter(Boolean).join(" · ")));
            article.append(text("pre", typeof event.content === "string" ? event.content : JSON.stringify(event.content, null, 2)));
            $("events").append(article);
          });
          source.addEventListener("resync", () => { $("status").textContent = "Older events were trimmed; showing what is left."; seen = new Set(); $("events").replaceChildren(); });
          source.addEventListener("end", () => { source.close(); $("status").textContent = "The session was deleted."; });
        }
        form.onsubmit = submitted => {
          submitted.preventDefault();
          sessionStorage.setItem("baton", JSON.stringify({ app: form.app.value, user: form.user.value, token: form.token.value }));
          remember(); list();
        };
        $("more").onclick = () => list(next);
        if (form.app.value && form.user.value) list();
        if (shown) open(shown);
        </script></body></html>
        """#
}
