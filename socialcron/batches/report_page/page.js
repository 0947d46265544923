(() => {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const COUNTS = ["views", "likes", "comments", "shares", "saves"];
  // Mid tones that read well on white and on black, so that a chart need not know which it stands on.
  const LINE = "#5a86e8", FILL = "rgba(90,134,232,.16)", AXIS = "#7f868f", GRID = "rgba(127,134,143,.2)";
  const FONT = '11px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';

  const format = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: data.zone, ...options });
  const asDay = format({ day: "numeric", month: "short" });
  const asMonth = format({ month: "short", year: "numeric" });
  const asTime = format({ hour: "2-digit", minute: "2-digit" });
  const asMoment = format({ day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit" });
  const asWholeDay = format({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const whole = new Intl.NumberFormat("en-GB");
  const compact = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });
  const number = (value) => value == null ? "–" : whole.format(value);
  const date = (seconds) => new Date(seconds * 1000);

  function element(name, className, text) {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  }

  // --- charts ------------------------------------------------------------------------------------------------------

  function moments(u, splits, axis, space, step) {
    let before = "";
    return splits.map((at) => {
      if (step >= 27 * 86400) return asMonth.format(date(at));
      const day = asDay.format(date(at));
      if (step >= 86400) return day;
      const label = asTime.format(date(at)) + (day === before ? "" : "\n" + day);
      before = day;
      return label;
    });
  }

  function tooltip(series, shown, moment) {
    const tip = element("div", "tip");
    tip.hidden = true;
    return {
      hooks: {
        ready: (u) => u.over.append(tip),
        setCursor: (u) => {
          const at = u.cursor.idx;
          tip.hidden = at == null || u.cursor.left < 0;
          if (tip.hidden) return;
          tip.replaceChildren(element("b", "", moment.format(date(u.data[0][at]))));
          for (const name of COUNTS) {
            if (!series[name]) continue;
            const line = element("span", name === shown ? "on" : "", name);
            line.append(element("span", "", number(series[name][at])));
            tip.append(line);
          }
          const left = u.valToPos(u.data[0][at], "x"), width = tip.offsetWidth;
          tip.style.left = Math.max(0, left + 12 + width > u.over.clientWidth ? left - 12 - width : left + 12) + "px";
        },
      },
    };
  }

  const DAYS = [1, 2, 3, 7, 14, 30, 60, 90, 180, 365].map((days) => days * 86400);  // between two labels of an axis

  function draw(place, series, wanted, kind) {
    place.chart?.destroy();
    place.chart = null;
    place.replaceChildren();
    const name = series[wanted] ? wanted : COUNTS.find((count) => series[count]);
    const points = name ? series[name].filter((value) => value != null).length : 0;
    if (points < 2 && kind !== "bars" || !points) {
      place.append(element("div", "none", points ? "One reading in this time" : "No readings in this time"));
      return name;
    }
    const bars = kind === "bars", first = series.t[0] * 60, last = series.t.at(-1) * 60;
    const axis = { stroke: AXIS, font: FONT, grid: { stroke: GRID, width: 1 }, ticks: { show: false } };
    const bottom = kind === "totals" ? uPlot.rangeNum : (u, low, high) => [Math.min(0, low), Math.max(high * 1.08, 1)];
    place.chart = new uPlot({
      width: place.clientWidth,
      height: place.clientHeight,
      tzDate: (seconds) => uPlot.tzDate(date(seconds), data.zone),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8, fill: LINE } },
      scales: {
        // Of days: half a day on both sides, and a week at least; a single day alone would be stretched over years.
        x: { time: true, range: bars ? () => [Math.min(first, last - 6 * 86400) - 43200, last + 43200] : undefined },
        y: { range: kind === "totals" ? (u, low, high) => uPlot.rangeNum(low, high, 0.1, false) : bottom },
      },
      axes: [
        { ...axis, ...(bars ? { incrs: DAYS } : {}), grid: { show: false }, values: moments, space: 64, size: (u, labels) => labels?.some((label) => label.includes("\n")) ? 40 : 26 },
        { ...axis, values: (u, splits) => splits.map((v) => v % 1 ? "" : compact.format(v).replace("K", "k")), size: 46, space: 28 },
      ],
      series: [{}, {
        stroke: LINE, width: bars ? 0 : 2, fill: bars ? LINE : kind === "totals" ? undefined : FILL, spanGaps: true,
        points: { show: !bars && points < 12, size: 5, fill: LINE },
        ...(bars ? { paths: uPlot.paths.bars({ size: [0.72, 36], align: 0 }) } : {}),
      }],
      plugins: [tooltip(series, name, bars ? asWholeDay : asMoment)],
    }, [series.t.map((minutes) => minutes * 60), series[name]], place);
    place.setAttribute("role", "img");
    place.setAttribute("aria-label", `${name} over time, last ${number(series[name].findLast((value) => value != null))}`);
    return name;
  }

  /** The values themselves: the page has each less the one before it, which takes half the room. */
  function summed(columns) {
    const values = {};
    for (const [name, steps] of Object.entries(columns)) {
      let at = 0;
      values[name] = steps.map((step) => step === null ? null : at += step);
    }
    return values;
  }

  const places = [...document.querySelectorAll(".chart")].map((place) => {
    const { series, totals } = place.dataset;
    if (series) return { place, series: summed(data.posts[series]), kind: "line" };
    if (totals) return { place, series: summed(data.profiles[totals]), kind: "totals" };
    return { place, series: summed(data.gained), kind: "bars" };
  });
  let wanted = document.querySelector("[data-show]")?.dataset.show ?? "views";

  function drawAll() {
    for (const { place, series, kind } of places) {
      if (!place.clientWidth) continue;  // folded away
      const name = draw(place, series, wanted, kind);
      for (const part of place.parentElement.querySelectorAll("[data-count]")) part.classList.toggle("on", part.dataset.count === name);
      const label = place.parentElement.querySelector("[data-label]");
      if (label && name) label.textContent = name;
    }
  }

  for (const button of document.querySelectorAll("[data-show]")) {
    button.addEventListener("click", () => {
      wanted = button.dataset.show;
      for (const other of document.querySelectorAll("[data-show]")) other.setAttribute("aria-pressed", other === button);
      drawAll();
    });
  }

  const more = document.getElementById("more"), cards = document.getElementById("cards");
  if (more) {
    more.hidden = false;
    cards.classList.add("folded");
    more.addEventListener("click", () => {
      cards.classList.remove("folded");
      more.hidden = true;
      drawAll();
    });
  }

  drawAll();
  function fit(paper) {
    for (const { place, kind } of places) {
      const width = paper ? (kind === "bars" ? 640 : 290) : place.clientWidth;  // of A4, less margins
      if (place.chart && width) place.chart.setSize({ width, height: place.clientHeight });
    }
  }
  let frame = 0;
  addEventListener("resize", () => {
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(() => fit(false));
  });
  addEventListener("beforeprint", () => fit(true));
  addEventListener("afterprint", () => fit(false));

  // --- calendar ----------------------------------------------------------------------------------------------------

  const panel = document.getElementById("day");
  function showDay(button) {
    const { day, posted, scheduled, trouble } = button.dataset, listed = data.days[day] ?? [];
    const table = element("table", "plain"), body = element("tbody");
    for (const [time, status, account, text, id] of listed) {
      const row = element("tr");
      row.append(element("td", "nowrap", time));
      const what = element("td");
      what.append(element("span", "tag " + status, status));
      row.append(what, element("td"), element("td"));
      row.cells[2].append(element("bdi", "", account));
      row.cells[3].append(element("bdi", "", text || `post ${id}`));
      body.append(row);
    }
    table.append(body);
    const missing = +posted + +scheduled + +trouble - listed.length;
    panel.replaceChildren(element("h3", "", new Intl.DateTimeFormat("en-GB", { dateStyle: "full", timeZone: "UTC" }).format(new Date(day))), table);
    if (missing > 0) panel.append(element("p", "muted", `and ${number(missing)} more`));
    for (const other of document.querySelectorAll(".busy")) other.setAttribute("aria-pressed", other === button);
    panel.hidden = false;
    panel.scrollIntoView({ block: "nearest" });
  }
  for (const button of document.querySelectorAll(".busy")) button.addEventListener("click", () => showDay(button));
})();
