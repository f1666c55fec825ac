// Holds GraphQL documents and their variables against GitHub's schema.
// Argument: the folder of the packages. Standard input:
// [{query, variables}, ...]. Prints what is wrong, or nothing.
const fs = require("fs");
const path = require("path");
const packages = process.argv[2];
const graphql = require(path.join(packages, "graphql"));
const text = fs.readFileSync(path.join(packages, "@octokit/graphql-schema/schema.graphql"), "utf8");
const schema = graphql.buildSchema(text, { assumeValidSDL: true });

for (const { query, variables } of JSON.parse(fs.readFileSync(0, "utf8"))) {
  const document = graphql.parse(query);
  const errors = [...graphql.validate(schema, document)];
  if (errors.length === 0) {
    const [operation] = document.definitions;
    const values = graphql.getVariableValues(schema, operation.variableDefinitions, variables);
    errors.push(...(values.errors ?? []));
  }
  for (const error of errors) console.log(error.message);
}
