// For bundlers that do not know package exports: Metro before 0.82 unless it is told to.
export * from "./dist/react.js";
