/** A ship in its berth, in a square of 20. */
export const brandShape = {
  quay: "M2 1v17h16V1",
  hull: "M10 2c2.3 2.1 3.5 4.3 3.5 6.8V15h-7V8.8C6.5 6.3 7.7 4.1 10 2z",
};

export const iconPath = "/assets/berth.svg";

/** For the browser's tab: in a colour that light and dark tabs both show. */
export const icon = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 20 20"><path d="${brandShape.quay}" fill="none" stroke="#1a6dc4" stroke-width="2"/><path d="${brandShape.hull}" fill="#1a6dc4"/></svg>`;
