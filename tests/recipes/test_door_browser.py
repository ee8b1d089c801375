"""The door in a real browser: its user logs in and works, and another site's page in the same browser gets nothing."""

from __future__ import annotations

import http.server
import json
import re
from collections.abc import Iterator

import pytest

from tests.history.browser import PROGRAM
from tests.kit.chromium import Page, page
from tests.kit.servers import Handler, serving
from tests.kit.wait import until
from tests.recipes.door_lab import PASSWORD, Door, opened

pytestmark = pytest.mark.skipif(not PROGRAM, reason="there is no Chromium here")
# What a page can have a browser send without asking anybody, and what it learns by that.
HOSTILE = """
async (url) => {
  const socket = url.replace(/^http/, 'ws'), seen = {};
  const after = (name, begin) => new Promise((done) => {
    const said = (what) => { seen[name] = what; done(); };
    setTimeout(() => said('nothing'), 1000);
    try { begin(said); } catch (error) { said('nothing'); }
  });
  const element = (tag, at, said) => {
    const made = Object.assign(document.createElement(tag), at);
    made.onload = () => said('loaded');
    made.onerror = () => said('nothing');
    document.body.append(made);
    return made;
  };
  const asked = (name, options) => after(name, (said) => fetch(url + '/' + name, {credentials: 'include', ...options})
    .then((answer) => answer.text()).then((text) => said(text ? 'read ' + text : 'nothing'), () => said('nothing')));
  const form = (name, method) => after(name, () => {
    const frame = element('iframe', {name}, () => {});
    const made = element('form', {method, target: name, action: url + '/' + name}, () => {});
    made.submit();
  });
  await Promise.all([
    asked('fetch', {}),
    asked('fetch-opaque', {mode: 'no-cors'}),
    asked('post', {method: 'POST', mode: 'no-cors', body: new URLSearchParams({x: 'y'})}),
    asked('post-json', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{}'}),
    asked('beacon', {method: 'POST', mode: 'no-cors', keepalive: true, body: 'x=y'}),
    after('image', (said) => element('img', {src: url + '/image'}, said)),
    after('script', (said) => element('script', {src: url + '/script'}, said)),
    after('style', (said) => element('link', {rel: 'stylesheet', href: url + '/style'}, said)),
    after('frame', (said) => { const made = element('iframe', {src: url + '/frame'}, () => {
      try { said(made.contentDocument.body.innerText ? 'read' : 'nothing'); } catch (error) { said('nothing'); } }); }),
    form('form-get', 'get'),
    form('form-post', 'post'),
    after('socket', (said) => { const made = new WebSocket(socket + '/socket');
      made.onopen = () => said('open'); made.onerror = () => said('nothing'); }),
    after('events', (said) => { const made = new EventSource(url + '/events', {withCredentials: true});
      made.onmessage = () => said('read'); made.onerror = () => { made.close(); said('nothing'); }; }),
    after('popup', () => window.open(url + '/popup')),
  ]);
  return seen;
}"""


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    with opened(tmp_path_factory.mktemp("door")) as door:
        yield door


@pytest.fixture(scope="module")
def user(door: Door, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """A browser whose user has logged in."""
    options = ("--ignore-certificate-errors", "--disable-popup-blocking")
    with page(tmp_path_factory.mktemp("browser"), *options) as user:
        assert "Password" in user.open(f"{door.url}/models")
        assert door.reached == []
        user.run(f"document.querySelector('[type=password]').value = {PASSWORD!r}")
        user.run("document.forms[0].requestSubmit()")
        user.wait("document.body.innerText.includes('the jobs')")
        yield user


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The port of another site's server on this machine."""

    class Empty(Handler):
        def do_GET(self) -> None:
            self.answer(200, b"<!doctype html><title>prizes</title><body>prizes", Content_Type="text/html")

    with serving(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Empty)) as url:
        yield url.rpartition(":")[2]


def work(user: Page, url: str) -> None:
    """Use what is behind the door as its own page does: a form, a script's request, a web socket."""
    assert "the jobs" in user.open(f"{url}/")
    assert "the jobs" in user.run("fetch('/data', {method: 'POST', body: 'x'}).then((answer) => answer.text())")
    socket = "new WebSocket(location.origin.replace('http', 'ws') + '/live')"
    opened = (
        f"new Promise((done) => {{ const s = {socket}; s.onopen = () => done(true); s.onerror = () => done(false) }})"
    )
    assert user.run(opened) is True
    user.run("document.forms[0].requestSubmit()")
    user.wait("location.pathname == '/made' && document.body.innerText.includes('the jobs')")


def test_the_page_works_for_whoever_is_logged_in_and_through_the_tunnel(door: Door, user: Page) -> None:
    for url in (door.url, f"http://127.0.0.1:{door.inside}", f"http://localhost:{door.inside}"):
        door.reached.clear()
        work(user, url)
        assert {"GET /", "POST /data", "GET /live", "POST /made"} <= set(door.reached)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("evil.example", marks=pytest.mark.life),
        "127.0.0.1",
        pytest.param("localhost", marks=pytest.mark.life),
    ],
)
def test_another_page_gets_nothing(door: Door, user: Page, elsewhere: str, name: str) -> None:
    # At what has no door before it, all of this arrives, but what asks first.
    door.reached.clear()
    assert "prizes" in user.open(f"http://{name}:{elsewhere}/")
    tried = user.run(f"({HOSTILE})('http://127.0.0.1:{door.behind}')")
    until(lambda: {re.split(r"[/?]", line)[1] for line in door.reached} >= set(tried) - {"post-json"})

    for url in (door.url, f"http://127.0.0.1:{door.inside}", f"http://localhost:{door.inside}"):
        door.reached.clear()
        assert "prizes" in user.open(f"http://{name}:{elsewhere}/")
        seen = user.run(f"({HOSTILE})({json.dumps(url)})")
        assert set(seen.values()) == {"nothing"}, seen
        assert door.reached == []


@pytest.mark.parametrize("name", ["rebind.example", "127.0.0.1.rebind.example"])
def test_a_name_that_was_made_to_lead_here_leads_nowhere(door: Door, user: Page, name: str) -> None:
    for url in (f"http://{name}:{door.inside}", f"https://{name}:{door.outside}"):
        door.reached.clear()
        assert "the jobs" not in user.open(f"{url}/")
        assert user.run("fetch('/data', {method: 'POST', body: 'x'}).then((a) => a.status, () => 0)") in (0, 421)
        assert door.reached == []
    assert "the jobs" in user.open(f"http://{name}:{door.behind}/")


def test_a_link_from_elsewhere_ends_before_the_page(door: Door, user: Page, elsewhere: str) -> None:
    user.open(f"http://evil.example:{elsewhere}/")
    door.reached.clear()
    user.run(f"location = '{door.url}/models/1/delete'")
    user.wait("document.body.innerText.includes('another page')")
    assert door.reached == []
    user.run("document.querySelector('a').click()")
    user.wait("document.body.innerText.includes('the jobs')")
    assert door.reached[0] == "GET /"
