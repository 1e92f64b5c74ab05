(function () {
  "use strict";
  function colour(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }
  function painted(value) {
    if (typeof value === "string") {
      const found = /^var\((--[a-z]+)\)$/.exec(value);
      return found ? colour(found[1]) : value;
    }
    if (Array.isArray(value)) return value.map(painted);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, painted(v)]));
    }
    return value;
  }
  function themed(layout) {
    const result = Object.assign({
      margin: {l: 60, r: 15, t: 25, b: 45},
      paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
      font: {color: colour("--ink"), family: "system-ui, sans-serif", size: 13},
      hoverlabel: {bgcolor: colour("--tint"), font: {color: colour("--ink")}},
      legend: {orientation: "h", y: -0.2},
      xaxis: {}, yaxis: {}
    }, painted(layout));
    if (window.innerWidth < 600) {
      result.font = Object.assign({}, result.font, {size: 11});
      // The corners of a triangle have their names outside of it.
      const top = layout.title ? result.margin.t : 10;
      const slim = result.ternary ? {} : {l: 45, r: 5, t: top, b: 35};
      result.margin = Object.assign({}, result.margin, slim);
      result.legend = Object.assign({}, result.legend, {font: {size: 10}});
    }
    for (const key of Object.keys(result)) {
      if (/^[xy]axis\d*$/.test(key)) {
        result[key] = Object.assign({
          gridcolor: colour("--rule"), zerolinecolor: colour("--rule"),
          linecolor: colour("--soft"), automargin: true
        }, result[key]);
        const title = result[key].title;
        if (title && title.text) result[key].title = Object.assign({font: {size: 13}}, title);
      }
    }
    return result;
  }
  const figures = document.querySelectorAll("figure");
  function draw(figure) {
    const spec = JSON.parse(figure.querySelector("script").textContent);
    const options = {displaylogo: false, responsive: true, displayModeBar: false};
    Plotly.react(figure.querySelector(".plot"), painted(spec.data), themed(spec.layout), options);
  }
  function drawAll() { figures.forEach(draw); }
  drawAll();
  // A figure in a folded part has no size until it is opened.
  document.querySelectorAll("details").forEach(function (part) {
    part.addEventListener("toggle", function () {
      part.querySelectorAll("figure").forEach(draw);
    });
  });
  window.matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
})();
