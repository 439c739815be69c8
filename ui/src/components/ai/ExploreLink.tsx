/** A link to Explore with the very query that was asked, at the same time. */

import type { ReactNode } from "react";
import { Link } from "@tanstack/react-router";
import { IconChartLine } from "@tabler/icons-react";
import { keepTimes } from "@/components/places";
import classes from "./ExploreLink.module.css";

interface ExploreLinkProps {
  /** One query or several. */
  query: string | readonly string[];
  view?: "graph" | "table" | "heat";
  exemplars?: boolean;
  stack?: boolean;
  children?: ReactNode;
  /** For those who do not see beside what it stands. */
  label?: string;
}

export function ExploreLink({ query, view, exemplars = false, stack = false, children = "Explore", label }: ExploreLinkProps) {
  const q = (typeof query === "string" ? [query] : query).filter((expr) => expr !== "").map((expr) => ({ expr }));
  return (
    <Link to="/explore" className={classes.link} aria-label={label} search={(old) => ({ ...keepTimes(old), q, ...(view ? { view } : {}), ...(exemplars ? { exemplars: true } : {}), ...(stack ? { stack: true } : {}) })}>
      <IconChartLine size={14} aria-hidden /><span>{children}</span>
    </Link>
  );
}
