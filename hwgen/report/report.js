// The figures. Each gets its <figure>, its plot and its data, which are complete: Python dropped what was not.

const data = JSON.parse(document.getElementById("data").textContent);

const KINDS = {
  search: ["search", "circle"],
  uniform: ["uniform width", "square"],
  common_lsb: ["common LSB", "diamond"],
  greedy: ["greedy", "triangle"],
  chosen: ["chosen", "star"],
};

const FIGURES = {
  response(figure, plot, response) {
    const [factor, prefix] = (response.unit === "Hz" && PREFIXES.find(([f]) => f <= Math.max(...extent(response.frequency_hz)))) || [1, ""];
    const unit = prefix + response.unit;
    const points = response.frequency_hz.map((f, k) => [f / factor, response.magnitude_db[k], response.ideal_db?.[k] ?? null]);
    const mask = response.mask.map((band) => ({ ...band, start: band.start / factor, stop: band.stop / factor }));
    const passbands = mask.filter((band) => known(band.lower_db));
    const levels = extent(points.map((point) => point[1]));
    const limits = extent(mask.flatMap((band) => [band.upper_db, band.lower_db]));
    const floor = mask.length ? Math.max(levels[0], limits[0] - 40) : Math.max(levels[0], levels[1] - 120);
    const whole = { x: extent(points.map(([f]) => f)), y: [Math.min(floor, levels[1] - 1), Math.max(levels[1], limits[1]) + 6] };
    let view = whole;

    const inView = (axis) => points.filter(([f]) => f >= axis[0] && f <= axis[1]);
    const look = (next) => { view = next; draw(); };
    const passband = (band) => {
      const seen = extent([...inView([band.start, band.stop]).map((point) => point[1]), band.upper_db, band.lower_db]);
      const room = (band.stop - band.start) * 0.08;
      return { x: [Math.max(whole.x[0], band.start - room), Math.min(whole.x[1], band.stop + room)], y: padded(seen, 0.35, 1e-4) };
    };

    const controls = figure.querySelector(".controls");
    element(controls, "span", "hint", "drag to zoom");
    const button = (text, action) => { element(controls, "button", "", text).type = "button"; controls.lastChild.onclick = action; };
    passbands.forEach((band, k) => button(passbands.length > 1 ? `Pass band ${k + 1}` : "Pass band", () => look(passband(band))));
    button("Whole response", () => look(whole));
    legend(figure, [
      ["quantised", swatchLine("line quantised")],
      ...(response.ideal_db ? [["before quantising", swatchLine("line ideal")]] : []),
      ...(mask.length ? [["forbidden by the mask", swatchRect("forbidden")]] : []),
    ]);

    function draw() {
      const chart = frame(plot, { ...view, height: 380, xLabel: `Frequency (${unit})`, yLabel: "Magnitude (dB)" });
      const { px, py, layer } = chart;
      const forbid = (band, from, to) => {
        const [top, bottom] = [Math.min(from, to), Math.max(from, to)];
        if (bottom <= top) return;
        node(layer, "rect", { x: px(band.start), width: Math.max(px(band.stop) - px(band.start), 0), y: top, height: bottom - top, class: "forbidden" });
      };
      const edge = (band, level) => node(layer, "line", { x1: px(band.start), x2: px(band.stop), y1: py(level), y2: py(level), class: "limit" });
      for (const band of mask) {
        if (known(band.upper_db)) { forbid(band, chart.top, Math.max(py(band.upper_db), chart.top)); edge(band, band.upper_db); }
        if (known(band.lower_db)) { forbid(band, Math.min(py(band.lower_db), chart.bottom), chart.bottom); edge(band, band.lower_db); }
      }
      // One point beyond each side, so that the line reaches the border; a null of the response falls below the frame.
      const first = Math.max(points.findIndex(([f]) => f >= view.x[0]) - 1, 0);
      const after = points.findIndex(([f]) => f > view.x[1]);
      const visible = points.slice(first, after < 0 ? points.length : after + 1);
      const low = chart.bottom + 2 * chart.height;
      const curve = (k) => line(visible.map((point) => [px(point[0]), known(point[k]) ? Math.min(py(point[k]), low) : low]));
      if (response.ideal_db) node(layer, "path", { d: curve(2), class: "line ideal" });
      node(layer, "path", { d: curve(1), class: "line quantised" });
      const limitsAt = (f) => mask.filter((band) => f >= band.start && f <= band.stop).map((band) =>
        `mask ${known(band.lower_db) ? `${shown(band.lower_db)} to ` : "at most "}${shown(band.upper_db)} dB`);
      hover(plot, chart, inView(view.x).map(([f, level, ideal]) => ({
        x: px(f), y: known(level) ? py(level) : null,
        lines: [`${shown(f)} ${unit}`, `quantised ${shown(level, 3)} dB`, ...(response.ideal_db ? [`before ${shown(ideal, 3)} dB`] : []), ...limitsAt(f)],
      })));
      zoom(chart);
    }

    // Dragging a box zooms both axes; a flat drag zooms the frequency and fits the magnitude.
    function zoom(chart) {
      const at = (event) => {
        const place = chart.svg.getBoundingClientRect();
        const ratio = chart.width / place.width;
        const inside = (value, low, high) => Math.min(Math.max(value, low), high);
        return [inside((event.clientX - place.left) * ratio, chart.left, chart.right), inside((event.clientY - place.top) * ratio, chart.top, chart.bottom)];
      };
      const back = (axis, value, from, to) => axis[0] + ((value - from) / (to - from)) * (axis[1] - axis[0]);
      const walk = chart.svg.onpointermove;
      let start = null;
      let box = null;
      chart.svg.classList.add("zooms");
      chart.svg.ondblclick = () => look(whole);
      chart.svg.onpointerdown = (event) => {
        if (event.button !== 0) return;
        start = at(event);
        chart.svg.setPointerCapture(event.pointerId);
      };
      chart.svg.onpointercancel = () => { box?.remove(); start = box = null; };
      chart.svg.onpointermove = (event) => {
        if (!start) return walk(event);
        const [x, y] = at(event);
        const flat = Math.abs(y - start[1]) < 24;
        box ??= node(chart.svg, "rect", { class: "box" });
        const [top, bottom] = flat ? [chart.top, chart.bottom] : [Math.min(y, start[1]), Math.max(y, start[1])];
        for (const [key, value] of Object.entries({ x: Math.min(x, start[0]), y: top, width: Math.abs(x - start[0]), height: bottom - top })) box.setAttribute(key, value);
      };
      chart.svg.onpointerup = (event) => {
        if (!start) return;
        const [[x0, y0], [x1, y1]] = [start, at(event)];
        start = null;
        box?.remove();
        box = null;
        if (Math.abs(x1 - x0) < 8) return;
        const x = [Math.min(x0, x1), Math.max(x0, x1)].map((value) => back(view.x, value, chart.left, chart.right));
        if (inView(x).length < 2) return;
        const fitted = padded(extent(inView(x).map((point) => known(point[1]) ? Math.max(point[1], whole.y[0]) : null)), 0.1, 1e-3);
        const y = Math.abs(y1 - y0) < 24 ? fitted : [Math.max(y0, y1), Math.min(y0, y1)].map((value) => back(view.y, value, chart.bottom, chart.top));
        look({ x, y });
      };
    }
    keepDrawn(plot, draw);
  },

  bits(figure, plot, taps) {
    const mean = taps.reduce((sum, tap) => sum + tap.bits, 0) / taps.length;
    legend(figure, [["bits of the tap", swatchRect("fill")], ["average", swatchLine("mean")]]);
    keepDrawn(plot, () => {
      const [low, high] = extent(taps.map((tap) => tap.index));
      const chart = frame(plot, {
        x: [low - 0.7, high + 0.7], y: [0, extent(taps.map((tap) => tap.bits))[1] + 1],
        xLabel: "Tap", yLabel: "Bits, sign included", whole: true, yWhole: true, height: 260,
      });
      bars(chart, taps, (tap) => [0, tap.bits], "fill");
      node(chart.layer, "line", { x1: chart.left, x2: chart.right, y1: chart.py(mean), y2: chart.py(mean), class: "mean" });
      hover(plot, chart, taps.map((tap) => ({
        x: chart.px(tap.index), y: chart.py(tap.bits),
        lines: [`tap ${tap.index}`, tap.bits ? `${shown(tap.bits)} bits, ${tap.format ?? "format not measured"}` : "zero, no hardware", `value ${tap.value ?? "not measured"}`],
      })));
    });
  },

  accumulators(figure, plot, rows) {
    legend(figure, [["from lowest to highest bit", swatchRect("fill second")]]);
    keepDrawn(plot, () => {
      const [low, high] = extent(rows.map((row) => row.index));
      const y = extent(rows.flatMap((row) => [row.lsb, row.msb + 1]));
      const chart = frame(plot, {
        x: [low - 0.7, high + 0.7], y: [y[0] - 1, y[1] + 1], xLabel: "Accumulator", yLabel: "Weight of the bit",
        whole: true, yWhole: true, yTick: (value) => `2${[...String(Math.round(value))].map((sign) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[sign] ?? "⁻").join("")}`, height: 260,
      });
      bars(chart, rows, (row) => [row.lsb, row.msb + 1], "fill second");
      hover(plot, chart, rows.map((row) => ({
        x: chart.px(row.index), y: chart.py(row.msb + 1),
        lines: [`accumulator ${row.index}`, `${shown(row.msb - row.lsb + 1)} bits`, `weights 2^${shown(row.lsb)} to 2^${shown(row.msb)}`],
      })));
    });
  },

  designs(figure, plot, designs) {
    const used = Object.keys(KINDS).filter((kind) => designs.some((row) => kindOf(row) === kind));
    const asked = data.asked_sqnr_db;
    const height = (row) => (known(row.lut) ? row.lut : row.estimate);
    const look = (row) => `${kindOf(row)}${known(row.lut) ? "" : " hollow"}${row.meets ? "" : " misses"}`;
    const classes = (kind) => `mark ${kind}`;
    legend(figure, [
      ...used.map((kind) => [KINDS[kind][0], swatchMark(KINDS[kind][1], classes(kind))]),
      ...(designs.some((row) => !known(row.lut)) ? [["hollow: estimated only", swatchMark("circle", "mark search hollow")]] : []),
      ...(designs.some((row) => !row.meets) ? [["pale: misses the goal", swatchMark("circle", "mark search misses")]] : []),
      ...(known(asked) ? [["SQNR asked for", swatchLine("asked")]] : []),
    ]);
    keepDrawn(plot, () => {
      const chart = frame(plot, {
        x: padded(extent([...designs.map((row) => row.sqnr_db), asked]), 0.06, 0.5), y: padded(extent(designs.map(height)), 0.1, 1),
        xLabel: "SQNR (dB)", yLabel: "LUTs", height: 380,
      });
      if (known(asked)) node(chart.layer, "line", { x1: chart.px(asked), x2: chart.px(asked), y1: chart.top, y2: chart.bottom, class: "asked" });
      const order = [...designs].sort((a, b) => (a.kind === "chosen") - (b.kind === "chosen"));
      for (const row of order) {
        marker(chart.layer, KINDS[kindOf(row)][1], chart.px(row.sqnr_db), chart.py(height(row)), classes(look(row)), row.kind === "chosen" ? 5.5 : 4.5);
      }
      hover(plot, chart, [...designs].sort((a, b) => a.sqnr_db - b.sqnr_db).map((row) => ({
        x: chart.px(row.sqnr_db), y: chart.py(height(row)),
        lines: [String(row.label ?? row.kind), known(row.lut) ? `${shown(row.lut)} LUTs synthesised` : "not synthesised",
          known(row.estimate) ? `${shown(row.estimate, 0)} LUTs estimated` : "no estimate", `${shown(row.sqnr_db, 2)} dB SQNR, ${row.meets ? "meets" : "misses"} the goal`],
      })), 28);
    });
  },

  calibration(figure, plot, rows) {
    const targets = [...new Set(rows.map((row) => String(row.target ?? "")))];
    const shapes = ["circle", "square", "diamond", "triangle"];
    const classes = ["search", "uniform", "common_lsb", "greedy"];
    const mark = (row) => targets.indexOf(String(row.target ?? "")) % shapes.length;
    legend(figure, [
      ...targets.map((target, k) => [target || "synthesised", swatchMark(shapes[k % 4], `mark ${classes[k % 4]}`)]),
      ["equal", swatchLine("equal")], ["within 10 %", swatchRect("tenth")],
    ]);
    keepDrawn(plot, () => {
      const both = padded(extent(rows.flatMap((row) => [row.estimate, row.synthesis])), 0.08, 1);
      const chart = frame(plot, { x: both, y: both, xLabel: "LUTs estimated", yLabel: "LUTs synthesised", height: 320 });
      const [low, high] = both;
      const at = (x, y) => [chart.px(x), chart.py(y)];
      node(chart.layer, "path", { d: `${line([at(low, low * 0.9), at(low, low * 1.1), at(high, high * 1.1), at(high, high * 0.9)])}Z`, class: "tenth" });
      node(chart.layer, "path", { d: line([at(low, low), at(high, high)]), class: "equal" });
      for (const row of rows) marker(chart.layer, shapes[mark(row)], ...at(row.estimate, row.synthesis), `mark ${classes[mark(row)]}`);
      hover(plot, chart, [...rows].sort((a, b) => a.estimate - b.estimate).map((row) => ({
        x: chart.px(row.estimate), y: chart.py(row.synthesis),
        lines: [String(row.target ?? "synthesised"), `${shown(row.estimate, 0)} LUTs estimated`, `${shown(row.synthesis)} LUTs synthesised`,
          ...(row.synthesis ? [`off by ${shown(100 * (row.estimate / row.synthesis - 1), 1)} %`] : [])],
      })), 28);
    });
  },

  convergence(figure, plot, rows) {
    const methods = [...new Set(rows.map((row) => String(row.method ?? "search")))];
    const order = [...rows].sort((a, b) => a.evaluations - b.evaluations);
    const style = (k) => `line method-${k % 4}`;
    legend(figure, methods.map((method, k) => [method, swatchLine(style(k))]));
    keepDrawn(plot, () => {
      const chart = frame(plot, {
        x: extent([0, ...rows.map((row) => row.evaluations)]), y: padded(extent(rows.map((row) => row.best)), 0.08, 1e-9),
        xLabel: "Evaluations", yLabel: "Best so far", height: 320,
      });
      methods.forEach((method, k) => {
        const mine = order.filter((row) => String(row.method ?? "search") === method);
        // A step at each improvement: between two of them nothing better was known.
        const path = mine.flatMap((row, i) => [...(i ? [[row.evaluations, mine[i - 1].best]] : []), [row.evaluations, row.best]]);
        node(chart.layer, "path", { d: line(path.map(([x, y]) => [chart.px(x), chart.py(y)])), class: style(k) });
        const last = mine[mine.length - 1];
        node(chart.svg, "circle", { cx: chart.px(last.evaluations), cy: chart.py(last.best), r: 3.5, class: `end method-${k % 4}` });
      });
      hover(plot, chart, order.map((row) => ({
        x: chart.px(row.evaluations), y: chart.py(row.best),
        lines: [String(row.method ?? "search"), `after ${shown(row.evaluations)} evaluations`, `best ${shown(row.best)}`],
      })), 40);
    });
  },
};

// A chart that the kind of circuit brings: lines or marks over two axes.
function chartOf(figure, plot, chart) {
  const up = chart.log_y ? (y) => (y > 0 ? Math.log10(y) : null) : (y) => y;
  const style = (k) => `method-${k % 4}`;
  legend(figure, chart.series.map((one, k) => [one.name, one.marks ? swatchMark("circle", style(k)) : swatchLine(`line ${style(k)}`)]));
  keepDrawn(plot, () => {
    const points = chart.series.flatMap((one) => one.points);
    const drawn = frame(plot, {
      x: padded(extent(points.map(([x]) => x)), 0.02), y: padded(extent(points.map(([, y]) => up(y))), 0.06, 1e-9), height: 340,
      xLabel: chart.x_label, yLabel: chart.y_label,
      ...(chart.log_y ? { yTick: (at) => (Number.isInteger(at) ? `1e${at}`.replace("-", "−") : shown(10 ** at)) } : {}),
    });
    chart.series.forEach((one, k) => {
      const placed = one.points.filter(([, y]) => known(up(y))).map(([x, y]) => [drawn.px(x), drawn.py(up(y))]);
      if (one.marks) for (const [x, y] of placed) marker(drawn.layer, "circle", x, y, style(k), 3);
      else node(drawn.layer, "path", { d: line(placed), class: `line ${style(k)}` });
    });
    const named = chart.series.flatMap((one) => one.points.map(([x, y]) => [one.name, x, y])).filter(([, , y]) => known(up(y)));
    named.sort((a, b) => a[1] - b[1]);
    hover(plot, drawn, named.map(([name, x, y]) => ({
      x: drawn.px(x), y: drawn.py(up(y)), lines: [name, `${chart.x_label}: ${shown(x)}`, `${chart.y_label}: ${shown(y)}`],
    })), 40);
  });
}

function kindOf(row) {
  return Object.hasOwn(KINDS, row.kind) ? row.kind : "search";
}

function bars(chart, rows, span, className) {
  const step = chart.px(1) - chart.px(0);
  const width = Math.max(step * 0.78, 1);
  for (const row of rows) {
    const [low, high] = span(row);
    node(chart.layer, "rect", { x: chart.px(row.index) - width / 2, width, y: chart.py(high), height: Math.max(chart.py(low) - chart.py(high), 0), class: className });
  }
}

const SOURCES = { response: "response", bits: "taps", accumulators: "accumulators", designs: "designs", calibration: "calibration", convergence: "history" };
const placeOf = (key) => {
  const figure = document.querySelector(`figure[data-figure="${key}"]`);
  return [figure, figure?.querySelector(".plot")];
};
for (const [key, source] of Object.entries(SOURCES)) {
  const [figure, plot] = placeOf(key);
  if (plot && data[source]) FIGURES[key](figure, plot, data[source]);
}
for (const chart of data.charts) {
  const [figure, plot] = placeOf(chart.key);
  if (plot) chartOf(figure, plot, chart);
}
