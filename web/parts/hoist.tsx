import { imagesText } from "../text/images.ts";

const square = "M0 0h20v16H0z";
const swallowtail = "M0 0h20l-5 8 5 8H0z";

const flags = {
  b: <path d={swallowtail} className="f-red" />,
  e: (
    <>
      <path d="M0 0h20v8H0z" className="f-blue" />
      <path d="M0 8h20v8H0z" className="f-red" />
    </>
  ),
  r: (
    <>
      <path d={square} className="f-red" />
      <path d="M8 0h4v16H8zM0 6h20v4H0z" className="f-yellow" />
    </>
  ),
  t: (
    <>
      <path d="M0 0h7v16H0z" className="f-red" />
      <path d="M7 0h6v16H7z" className="f-white" />
      <path d="M13 0h7v16h-7z" className="f-blue" />
    </>
  ),
  h: (
    <>
      <path d="M0 0h10v16H0z" className="f-white" />
      <path d="M10 0h10v16H10z" className="f-red" />
    </>
  ),
};

/** The name in signal flags: once, when the first push lands. */
export function Hoist() {
  return (
    <span className="hoist" role="img" aria-label={imagesText.guide.flags}>
      {Object.entries(flags).map(([letter, flag]) => (
        <svg key={letter} viewBox="0 0 20 16" aria-hidden="true">
          {flag}
          <path d={letter === "b" ? swallowtail : square} className="f-edge" />
        </svg>
      ))}
    </span>
  );
}
