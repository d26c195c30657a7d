// A grid of values with points between its own, for the eye.
(() => {
  const FINE = 3; // cells to a side of a measured one
  // Monotone cubics (Fritsch & Carlson 1980) through the points that were measured, beyond none.
  function finer(values) {
    const steps = values.slice(1).map((v, i) => v - values[i]);
    const slope = (i) => { // of the other side beside a point that was lost; 0 at an extremum
      const [a, b] = [steps[i - 1] ?? NaN, steps[i] ?? NaN];
      if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) ? b : a;
      return a * b > 0 ? (2 * a * b) / (a + b) : 0;
    };
    const fine = [];
    steps.forEach((step, i) => {
      const [v, from, to] = [values[i], slope(i), slope(i + 1)];
      for (let k = 0; k < FINE; k++) {
        const t = k / FINE;
        fine.push(k ? v + t * (from + t * (3 * step - 2 * from - to + t * (from + to - 2 * step))) : v);
      }
    });
    return [...fine, values[values.length - 1]];
  }
  function smooth(rows) {
    const wide = rows.map(finer);
    const columns = wide[0].map((_, j) => finer(wide.map((row) => row[j])));
    return columns[0].map((_, i) => columns.map((column) => column[i]));
  }
  Object.assign(window.landscape, { FINE, smooth });
})();
