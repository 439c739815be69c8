/** Queries are called by letters, and have the colours of the first series. */

export const QUERIES_MAX = 12;
export const letterOf = (index: number) => String.fromCharCode(65 + (index % 26));
