/** All entities, asked in one place: whoever shares a key must keep the same under it. */

import { useNowQuery } from "./hooks";
import { get } from "./own";

export const useEntities = () => useNowQuery(["entities"], async (signal) => (await get("/api/bellwether/v1/entities", { signal })).entities);
