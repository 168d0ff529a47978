#!/bin/sh
# Make the two pipelines of this folder, once, in a git repository that holds a copy of it.
set -e
python shop.py 1
dcai promote train.ipynb --no-check --yes --input shop.sqlite --output model.json --output reference.csv
cat >> pipelines/train/pipeline.yaml <<'YAML'
gates:
  precision: {min: 0.7}
  schema:
    shop.sqlite#sales: {columns: {sale: integer, customer: integer, amount: number, returned: integer}, unique: [sale]}
triggers:
  data: false                          # the database changes every day; what counts is whether it looks different
  drift:
    shop.sqlite#today: {reference: reference.csv}
  performance:
    classify.precision: {min: 0.75}    # of the nightly table
YAML
dcai run train --quiet                # the model that the first night reads
dcai promote classify.ipynb --no-check --yes --input shop.sqlite --input model.json --output labels.csv
cat >> pipelines/classify/pipeline.yaml <<'YAML'
upstream: [train]
gates:
  precision: {min: 0.75, drop: 0.2}
  size: {labels.csv: {min: 1 kB}}
  schema:
    shop.sqlite#sales:
      columns: {sale: integer, customer: integer, amount: {type: number, nullable: false, min: -1000}, returned: integer}
      unique: [sale]
    labels.csv:
      columns: {customer: integer, label: {type: text, values: [good, bad]}, score: number, run: text}
      unique: [customer]
YAML
