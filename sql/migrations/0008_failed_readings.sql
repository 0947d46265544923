-- Why: `status` counts the posts whose readings ended in an error; they are few among millions that simply ended.
CREATE INDEX metric_schedules_failed_idx ON socialcron.metric_schedules (post_id)
    WHERE next_at IS NULL AND error_class IS NOT NULL;
