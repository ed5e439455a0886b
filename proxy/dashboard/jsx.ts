/** What the bundler makes of JSX (deploy/dashboard.mjs). */
export { Fragment, h } from "preact";
