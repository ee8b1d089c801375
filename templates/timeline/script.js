"use strict";
// Without this script the page says all that it has to say: in UTC, at one scale, unfiltered.
(() => {
  const find = (selector) => document.querySelector(selector);
  const all = (selector) => [...document.querySelectorAll(selector)];

  const parts = new Intl.DateTimeFormat("en-CA", {
    year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
    hourCycle: "h23",
  });
  const names = { Y: "year", m: "month", d: "day", H: "hour", M: "minute", S: "second" };
  for (const time of all("time")) {
    const local = Object.fromEntries(parts.formatToParts(new Date(time.dateTime)).map((part) => [part.type, part.value]));
    time.textContent = time.dataset.form.replace(/%([YmdHMS])/g, (_, letter) => local[names[letter]]);
  }
  find("#zone").textContent = Intl.DateTimeFormat().resolvedOptions().timeZone;

  // Of a log, the end counts.
  for (const folded of all("details")) {
    folded.addEventListener("toggle", () => folded.querySelectorAll("pre").forEach((log) => (log.scrollTop = log.scrollHeight)));
  }

  const plot = find(".plot");
  if (!plot) return;
  const scroll = find(".scroll");
  // Of a day, the first label alone says the date, and the first one in sight.
  const dates = () => {
    let day = "";
    let seen = false;
    for (const tick of all(`.z${plot.dataset.zoom}`)) {
      const label = tick.querySelector("small");
      const first = !seen && tick.offsetLeft >= scroll.scrollLeft;
      label.hidden = label.textContent === day && !first;
      day = label.textContent;
      seen = seen || first;
    }
  };
  scroll.addEventListener("scroll", dates, { passive: true });
  const most = 32;
  const zoom = (to) => {
    const was = Number(plot.dataset.zoom);
    if (to < 1 || to > most) return;
    const middle = (scroll.scrollLeft + scroll.clientWidth / 2) / was;
    plot.dataset.zoom = to;
    plot.style.setProperty("--zoom", to);
    scroll.scrollLeft = middle * to - scroll.clientWidth / 2;
    find("#zoomed").textContent = `${to}×`;
    find("#out").disabled = to === 1;
    find("#in").disabled = to === most;
    dates();
  };
  const step = (factor) => zoom(Number(plot.dataset.zoom) * factor);
  find("#in").onclick = () => step(2);
  find("#out").onclick = () => step(0.5);

  const text = find("#text");
  const what = find("#what");
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fits = (element, said) =>
      (!what.value || element.matches(what.value)) && words.every((word) => said.toLowerCase().includes(word));
    for (const bar of all(".bar")) bar.classList.toggle("not", !fits(bar, bar.title));
    const rows = all("li[data-kind]");
    for (const row of rows) row.hidden = !fits(row, row.textContent);
    for (const list of all("ul")) list.previousElementSibling.hidden = !list.querySelector("li:not([hidden])");
    const left = rows.filter((row) => !row.hidden).length;
    find("#matches").textContent = words.length || what.value ? `${left} of ${rows.length}` : "";
  };
  text.oninput = what.onchange = filter;

  document.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const act = { "+": () => step(2), "=": () => step(2), "-": () => step(0.5), 0: () => zoom(1), "/": () => text.focus() };
    if (act[event.key]) {
      act[event.key]();
      event.preventDefault();
    }
  });

  // A bar leads to its line, which unfolds.
  const unfold = () => {
    const goal = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    const row = goal && goal.closest("li");
    if (!row) return;
    if (row.hidden) {
      text.value = what.value = "";
      filter();
    }
    const folded = goal.closest("details");
    if (folded) folded.open = true;
    row.scrollIntoView({ block: "center" });
    goal.focus({ preventScroll: true });
  };
  addEventListener("hashchange", unfold);
  scroll.addEventListener("click", (event) => {
    const bar = event.target.closest(".bar");
    if (bar && bar.hash === location.hash) unfold(); // the same one again changes nothing there
  });

  find(".controls").hidden = false;
  zoom(1);
  unfold();
})();
