// The two figures of a front: LUTs against SQNR, and against how far the response stays within the mask.

const data = JSON.parse(document.getElementById("data").textContent);

const RIVALS = { uniform: ["uniform widths", "square"], common_lsb: ["common LSB", "diamond"] };
const MASKS = [
  ["mask as asked", "circle", "search", (tolerance) => tolerance === 1],
  ["tighter mask", "triangle", "greedy", (tolerance) => tolerance < 1],
  ["wider mask", "star", "chosen", (tolerance) => tolerance > 1],
];

const spare = (row) => (known(row.mask_share) && row.mask_share > 0 ? -20 * Math.log10(row.mask_share) : null);
const maskOf = (row) => MASKS.find(([, , , holds]) => holds(row.goal.tolerance));
const rivals = data.points.flatMap((row) => Object.keys(RIVALS).filter((kind) => row.baselines[kind])
  .map((kind) => ({ ...row.baselines[kind], kind, row })));

function draw(key, xLabel, abscissa, joined) {
  const figure = document.querySelector(`figure[data-figure="${key}"]`);
  if (!figure) return;
  const plot = figure.querySelector(".plot");
  const drawn = (rows) => rows.filter((row) => known(abscissa(row)) && known(row.lut));
  const [points, others] = [drawn(data.points), drawn(rivals)];
  const used = MASKS.filter(([, , , holds]) => points.some((row) => holds(row.goal.tolerance)));
  legend(figure, [
    ...used.map(([text, shape, look]) => [text, swatchMark(shape, `mark ${look}`)]),
    ...(points.some((row) => !row.on_front) ? [["pale: not on the front", swatchMark("circle", "mark search misses")]] : []),
    ...Object.entries(RIVALS).filter(([kind]) => others.some((row) => row.kind === kind))
      .map(([kind, [text, shape]]) => [text, swatchMark(shape, `mark ${kind}`)]),
  ]);
  keepDrawn(plot, () => {
    const y = extent([...points, ...others].map((row) => row.lut));
    const chart = frame(plot, {
      x: padded(extent([...points, ...others].map(abscissa)), 0.06, 0.5), y: [Math.max(0, y[0] - 0.1 * (y[1] - y[0])), y[1] * 1.06 + 1],
      xLabel, yLabel: "LUTs", height: 400,
    });
    const at = (row) => [chart.px(abscissa(row)), chart.py(row.lut)];
    const byX = (a, b) => abscissa(a) - abscissa(b);
    node(chart.layer, "path", { d: line(points.filter((row) => row.on_front && joined(row)).sort(byX).map(at)), class: "line quantised" });
    for (const row of others) marker(chart.layer, RIVALS[row.kind][1], ...at(row), `mark ${row.kind}`, 4);
    for (const row of points) {
      const [, shape, look] = maskOf(row);
      marker(chart.layer, shape, ...at(row), `mark ${look}${row.on_front ? "" : " misses"}`, 5.5);
    }
    const measured = (row) => [
      `${shown(row.lut)} LUTs`, `${shown(row.sqnr_db, 2)} dB SQNR`,
      ...(known(spare(row)) ? [`${shown(spare(row), 2)} dB to spare in the mask`] : []),
    ];
    const asked = (row) => `asked: ${shown(row.goal.sqnr_db, 1)} dB, mask ${row.goal.mask}`;
    const items = [
      ...points.map((row) => ({
        x: at(row)[0], y: at(row)[1], href: `${row.folder}/report.html`,
        lines: [`point ${row.point}`, ...measured(row), asked(row), row.label, ...(row.on_front ? [] : [row.off_front])],
      })),
      ...others.map((row) => ({
        x: at(row)[0], y: at(row)[1], href: `${row.row.folder}/report.html`,
        lines: [RIVALS[row.kind][0], ...measured(row), asked(row.row), `${shown(100 * (1 - row.row.lut / row.lut), 0)} % saved by point ${row.row.point}`],
      })),
    ];
    hover(plot, chart, items.sort((a, b) => a.x - b.x), 28);
  });
}

draw("sqnr", "SQNR (dB)", (row) => row.sqnr_db, (row) => row.goal.tolerance === 1);
draw("mask", "Mask to spare (dB)", spare, (row) => row.goal.sqnr_db === data.asked_sqnr_db);
