-- Columns and types of a table or view, in order.
SELECT column_name, data_type
FROM duckdb_columns()
WHERE table_name = $relation AND schema_name = 'main' AND database_name = current_database()
ORDER BY column_index;
