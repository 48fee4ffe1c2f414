-- touches: models
UPDATE models SET engine = $engine, endpoint = $endpoint, params = $params::JSON WHERE model_id = $model_id;
