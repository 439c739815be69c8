import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import ts from "typescript-eslint";

export default ts.config(
  { ignores: ["dist", "node_modules", "public", "crate", "src/api/schema.d.ts"] },
  js.configs.recommended,
  ...ts.configs.strictTypeChecked,
  {
    plugins: { "react-hooks": hooks },
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "no-console": "error",
      "no-restricted-globals": ["error", { name: "fetch", message: "only src/api asks the server" }],
      "@typescript-eslint/no-explicit-any": "error",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // Routes throw redirects, which are no errors.
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      // Types that are taken out of an unknown answer are named once by their nature.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      // Libraries take plain numbers for their enums.
      "@typescript-eslint/no-unsafe-enum-assignment": "off",
      // The other rules are for React's compiler, which is not used.
      "react-hooks/rules-of-hooks": "error",
      "react-hooks/exhaustive-deps": "error",
    },
  },
  { files: ["src/api/**"], rules: { "no-restricted-globals": "off" } },
  { files: ["*.js"], extends: [ts.configs.disableTypeChecked] },
);
